"""WebDataset shards: tar archives whose files of one stem are one sample (``0001.jpg``, ``0001.json``).

Archives that can be searched (local, object stores) are indexed once and then read at any place; what can only be read
from its beginning to its end (``pipe:`` commands, compressed archives) is a stream. Members are told apart by their
names alone, and nothing but images, JSON and text is ever decoded.
"""

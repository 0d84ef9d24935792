"""Text to pretrain on: sources -> documents -> blocks that fill a sequence -> a map-style corpus, mixed and split.

``documents`` reads files, ``blocks`` packs their lines, ``parts`` keeps what was packed in the cache, ``corpus`` puts
parts together, ``mixture`` says which source a row comes from, ``shards`` are blocks that are drawn already.
"""

"""Files -> examples -> batches: readers, corpora, encoders, masking, samplers.

Everything here is map-style over an index, and everything random is a function of (seed, epoch, index).
"""

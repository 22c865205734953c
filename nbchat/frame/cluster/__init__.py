"""Batches over dask DataFrames: partitions on the workers of a cluster, one desk on its scheduler."""

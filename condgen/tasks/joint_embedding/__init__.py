"""Deep structured joint embedding: sentences and pictures as vectors whose product says that they belong together."""

"""Adversarially learned inference, an encoder and a decoder in one game: ALI and BiGAN (both 2017)."""

"""Single-image super-resolution: SRResNet and SRGAN (Ledig et al., 2017)."""

"""Pictures by label or latent code: CGAN, AC-GAN, projection, InfoGAN, semi-supervised GAN, under every objective."""

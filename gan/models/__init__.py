"""Networks without losses. Reading order: generator, discriminator, face_model."""

"""The models that ours is compared with: same data, labels and code sizes, same calls.

`linear` is the 3DMM, `autoencoder` is CoMA / DeepFLAME, `multilinear` is MAE.
"""

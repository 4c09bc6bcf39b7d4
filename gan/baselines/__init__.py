"""The models that ours is compared with: same data, labels and code sizes, same calls.

`linear` is the 3DMM, `copula` the same with the data's marginals, `coma` is CoMA / DeepFLAME, `mae`
is MAE, `swap_vae` is Foti et al.'s.
"""

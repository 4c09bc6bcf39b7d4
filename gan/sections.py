"""The sections of a configuration that choose plug-ins: a name, its settings, its options.

A section's `options` go to the constructor of what it names, which refuses those it does not know
(`gan.registry`). pydantic, no torch.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Probability = Annotated[float, Field(ge=0, le=1)]
Plain = bool | int | Annotated[float, Field(allow_inf_nan=False)] | str
Options = dict[str, Plain | list[Plain]]


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values do not change.

    Attributes
    ----------
    either : keys that exclude each other: one that is set takes the place of the others
    short : the key that a bare number stands for, written in place of the table; "": none
    """

    either: ClassVar[tuple[str, ...]] = ()
    short: ClassVar[str] = ""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GeneratorConfig(Section):
    """The mesh generator."""

    name: str = "mlp"
    hidden: Count = 512
    slope: NotNegative = 0.2
    noise_size: Annotated[int, Field(ge=0)] = 5
    start: Literal[
        "principal-components", "factored-components", "additive", "fitted", "random"
    ] = "principal-components"
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0  # decay of the averaged weights; 0: none
    options: Options = {}


class DiscriminatorConfig(Section):
    """The image discriminator: two shared blocks, then two blocks a branch."""

    name: str = "dcgan"
    widths: Annotated[tuple[Count, ...], Field(min_length=4, max_length=4)] = (64, 128, 256, 512)
    slope: NotNegative = 0.2
    instance_noise: NotNegative = 0.1  # deviation, in units of the normalised images
    shaped_noise: NotNegative = 0.0  # along the data's components, in their deviations
    labelled_noise: NotNegative = 0.0  # the same between people only, on training.labelled_batch
    clean_features: bool = False  # pairs that share a code are compared without noise
    anneal_noise: bool = False  # linearly to 0 over the training
    spectral_norm: bool = False  # of every layer's weight
    options: Options = {}

    @model_validator(mode="after")
    def _one_spectral_norm(self) -> "DiscriminatorConfig":
        if self.spectral_norm and "spectral_norm" in self.options:
            raise ValueError(_set_twice("discriminator", "spectral_norm"))
        return self


class MappingConfig(Section):
    """From the mesh to the image."""

    name: Literal["plain", "antialiased"] = "plain"
    size: Annotated[int, Field(ge=16, le=1024)] = 64
    weights: Literal["auto", "cotan", "mean-value", "uniform", "delaunay", "robust"] = "auto"
    samples: Annotated[int, Field(ge=1, le=16)] | None = None  # antialiased: k × k a texel, 3
    balance: bool = False  # enlarge what the image would miss: lips, nose

    @model_validator(mode="after")
    def _samples_are_averaged(self) -> "MappingConfig":
        if self.samples is not None and self.name == "plain":
            raise ValueError("samples belongs to name = 'antialiased'; a plain texel has one")
        return self


class AdversarialConfig(Section):
    """The game between generator and discriminator."""

    name: str = "wgan-gp"
    penalty: NotNegative | None = None  # λ_gp of wgan-gp, γ of r1; None: the loss's own, 10
    weight: NotNegative = 1.0  # of the generator's term
    prior_codes: bool = False  # only faces of random codes; fixed codes go to the classifiers
    options: Options = {}

    @model_validator(mode="after")
    def _one_penalty(self) -> "AdversarialConfig":
        if self.penalty is not None and "penalty" in self.options:
            raise ValueError(_set_twice("adversarial", "penalty"))
        return self


class RegularizerConfig(Section):
    """What keeps displacements smooth; in units of the face's half-height."""

    name: str = "cotangent"
    weight: NotNegative = 1.0  # λ_reg
    options: Options = {}


class AugmentationConfig(Section):
    """Random changes of all geometry images, real and generated, before the discriminator."""

    name: Literal["none", "fixed", "adaptive"] = "none"
    p: Probability = 0.0  # of each change; where "adaptive" starts
    target: Annotated[float, Field(gt=0, lt=1)] = 0.6  # adaptive: mean sign of the real scores
    images: Count = 500_000  # adaptive: real images in which p could go from 0 to 1
    strength: NotNegative = 1.0  # times the deviations of all changes


class MetricConfig(Section):
    """A metric that `gan evaluate` takes of a run beside the ones that it always takes."""

    name: str
    options: Options = {}


class PrecisionConfig(Section):
    """How the discriminator computes: exactness, or time to compile, against speed."""

    autocast: Literal["none", "bf16"] = "none"  # penalties, losses, generator stay in float32
    tf32: bool = False  # CUDA: float32 products of 10 bits, on tensor cores
    penalty: Literal["float32", "tf32"] = "float32"  # CUDA: of the slope in a gradient penalty
    channels_last: bool = False  # the layout that tensor cores read
    cudnn_benchmark: bool = False  # CUDA: try all convolutions once; not with deterministic
    compile: bool = False  # by torch.compile: a minute or more before the first step
    graphs: bool = False  # CUDA: what is compiled is launched at once, as a graph
    fused_adam: bool = True

    @model_validator(mode="after")
    def _graphs_are_compiled(self) -> "PrecisionConfig":
        if self.graphs and not self.compile:
            raise ValueError("graphs = true needs compile = true: graphs are of compiled parts")
        return self


def _set_twice(section: str, key: str) -> str:
    return f"remove one of {section}.{key} and {section}.options.{key}: they set the same value"

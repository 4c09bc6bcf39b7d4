"""What the generator's last layer starts from: which codes drive which directions of the data."""

import math

import torch
from torch import Tensor

from gan.models.generator import Anchors, Components
from gan.sections import GeneratorConfig
from gan.training.problem import Problem


def starting_groups(
    settings: GeneratorConfig, problem: Problem, codes: dict[str, Tensor]
) -> list[Components]:
    """Return the groups of components for `generator.start`; empty for "random".

    "principal-components": one group for all codes. "factored-components": the classes of the
    first factor vary with its code alone, what is left within them with the other factors' codes.
    "additive": the same, linearly: a morphable model, whose fixed codes are set in `codes`, in
    place. "fitted": these groups; `gan.training.fitted_start` does the rest.
    """
    match settings.start:
        case "random":
            return []
        case "principal-components":
            return _components_start(settings, problem)
        case "factored-components":
            return _factored_start(settings, problem, codes)
        case "additive":
            return _additive_start(settings, problem, codes)
        case "fitted":
            return _fitted_groups(settings, problem)


def _components_start(settings: GeneratorConfig, problem: Problem) -> list[Components]:
    """One group: every unit looks at all codes."""
    return [
        Components(
            slice(0, None),
            torch.from_numpy(problem.statistics.components[: settings.hidden]),
        )
    ]


def _factored_start(
    settings: GeneratorConfig, problem: Problem, codes: dict[str, Tensor]
) -> list[Components]:
    """Return a group that the first factor's code drives and one that the others' codes drive.

    Their fixed codes give the means of their classes; the noise starts mute.
    """
    hidden, statistics = settings.hidden, problem.statistics
    half = hidden // 2  # the other units start at 0: room for what is not additive
    between = torch.from_numpy(statistics.between[: half // 2])
    within = torch.from_numpy(statistics.within[: half - half // 2])
    column, anchors = problem.factors[0].code_size, []
    first = slice(0, column)
    for factor in problem.factors[1:]:
        own = slice(column, column + factor.code_size)
        targets = torch.from_numpy(statistics.anchors[factor.name]) @ within.T
        fixed = codes[factor.name][: len(targets)]  # the last classes may have no label
        anchors.append(Anchors(own, fixed, targets / within.square().sum(dim=1)))
        column += factor.code_size
    return [
        Components(first, between, []),
        Components(slice(first.stop, column), within, anchors),
    ]


def _additive_start(
    settings: GeneratorConfig, problem: Problem, codes: dict[str, Tensor]
) -> list[Components]:
    """Return groups that make the generator an additive linear model; set fixed codes, in place.

    Entry k of the first factor's code is the coefficient of component k of its class means, in
    deviations; entries of the other factors' codes are those of what is left within the classes.
    Fixed codes are those of the classes' mean faces: entries that drive nothing, and classes
    without a mesh, keep the codes that were drawn. Several further factors share the variance.
    """
    statistics = problem.statistics
    share = max(1, settings.hidden // (2 * len(problem.factors)))  # pairs of units
    first, *others = problem.factors
    between = torch.from_numpy(statistics.between[:share])
    _place_codes(codes[first.name], torch.from_numpy(statistics.class_codes[:, : len(between)]))
    groups = [Components(slice(0, first.code_size), between, linear=True)]
    column = first.code_size
    for k, factor in enumerate(others):
        own = slice(column, column + factor.code_size)
        # The first brings all components along, so that training can use the rest of them.
        count = share if k == 0 else min(share, factor.code_size)
        basis = torch.from_numpy(statistics.within[:count]) / math.sqrt(len(others))
        targets = torch.from_numpy(statistics.anchors[factor.name]) @ basis.T
        _place_codes(codes[factor.name], targets / basis.square().sum(dim=1))
        groups.append(Components(own, basis, linear=True))
        column = own.stop
    return groups


def _fitted_groups(settings: GeneratorConfig, problem: Problem) -> list[Components]:
    """Return the components of people, and those of what they show for every other factor."""
    statistics, column, groups = problem.statistics, 0, []
    for k, factor in enumerate(problem.factors):
        source = statistics.between if k == 0 else statistics.within
        basis = torch.from_numpy(source[: settings.hidden if k < 2 else factor.code_size])
        groups.append(Components(slice(column, column + factor.code_size), basis, linear=True))
        column += factor.code_size
    return groups


def _place_codes(codes: Tensor, of_means: Tensor) -> None:
    """Set the leading entries of the codes of classes that have meshes, in place."""
    width = min(codes.shape[1], of_means.shape[1])
    known = torch.nonzero(of_means.abs().sum(dim=1) > 0)[:, 0]
    codes[known, :width] = of_means[known, :width].float()

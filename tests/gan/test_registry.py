"""Names in a configuration find classes, ours or a stranger's; faults come in one line."""

import sys
from importlib import import_module

import pytest

from gan.errors import ConfigError
from gan.losses import ADVERSARIAL_LOSSES, REGULARIZERS
from gan.models.discriminator import DISCRIMINATORS
from gan.models.generator import GENERATORS
from gan.registry import BUILT_IN, Registry
from tests.gan.plugin_files import install


class Shape:
    """What the registry of these tests holds."""


def shapes() -> Registry[Shape]:
    return Registry("shape", "meshkit_gan.shapes", Shape, context=("scale",))


def boxes() -> Registry[Shape]:
    """Shapes with a built-in one."""
    registry = shapes()

    @registry.register("box")
    class Box(Shape):
        """A box.

        With sides.
        """

        def __init__(self, *, scale: float, side: float = 1.0, corners: tuple[int, ...] = ()):
            self.made = (scale, side, corners)

    return registry


ROUND = """
from tests.gan.test_registry import Shape

class Ball(Shape):
    "A ball."
    def __init__(self, *, radius: float): self.radius = radius

def egg(*, scale): return Ball(radius=scale)
def lie(): return 3
class Liar: pass
"""


def test_options_are_converted_and_context_is_handed_on():
    box = boxes().build("box", {"side": 2, "corners": [1, 2]}, scale=3.0)
    assert box.made == (3.0, 2.0, (1, 2))
    assert isinstance(box.made[1], float)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 3}, "shape 'box' has no option 'depth'; its options: side, corners"),
        ({"scale": 3}, "shape 'box' has no option 'scale'; its options: side, corners"),
        ({"side": "long"}, "'box': option 'side': Input should be a valid number.*, got 'long'"),
        ({"corners": [1, "x"]}, "option 'corners': .*valid integer"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        boxes().build("box", options, scale=1.0)
    with pytest.raises(ConfigError, match=message):
        boxes().check("box", options)


def test_only_declared_context_may_be_left_out(tmp_path, monkeypatch):
    install(
        monkeypatch, tmp_path, "r", {"shapes": {"b": "round_things:Ball"}}, {"round_things": ROUND}
    )
    assert shapes().build("b", scale=1.0, radius=2.0).radius == 2.0
    with pytest.raises(ConfigError, match="shape 'b' has no option 'side'; its options: radius"):
        shapes().build("b", {"radius": 1.0}, scale=1.0, side=2.0)


def test_a_name_is_registered_once():
    registry = boxes()
    with pytest.raises(ValueError, match="shape 'box' is registered twice"):
        registry.register("box")(Shape)


@pytest.mark.parametrize(
    ("registry", "message"),
    [
        (GENERATORS, "unknown generator 'x'; known: .*mlp, mlp-components"),
        (DISCRIMINATORS, "unknown discriminator 'x'; known: dcgan"),
        (ADVERSARIAL_LOSSES, "unknown adversarial loss 'x'; known: .*wgan-gp"),
        (REGULARIZERS, "unknown regularizer 'x'; known: .*cotangent"),
    ],
)
def test_an_unknown_name_lists_the_known(registry, message):
    with pytest.raises(ConfigError, match=message):
        registry.build("x")


def test_a_plug_in_is_found_by_its_entry_point(tmp_path, monkeypatch):
    points = {"shapes": {"ball": "round_things:Ball", "egg": "round_things:egg"}}
    install(monkeypatch, tmp_path, "round-things", points, {"round_things": ROUND})
    registry = boxes()
    assert registry.build("ball", {"radius": 2}, scale=1.0).radius == 2.0
    assert registry.build("egg", scale=4.0).radius == 4.0
    with pytest.raises(ConfigError, match="shape 'ball' needs the option 'radius'"):
        registry.build("ball", scale=1.0)
    with pytest.raises(ConfigError, match="'egg' has no option 'radius'; it has no options"):
        registry.build("egg", {"radius": 1}, scale=1.0)
    with pytest.raises(ConfigError, match="unknown shape 'cone'; known: ball, box, egg"):
        registry.find("cone")
    assert [row[:6] for row in sorted(registry.listed())] == [
        ("ball", "round-things 1.2", "round_things:Ball", "A ball.", {"radius": None}, None),
        (
            "box",
            BUILT_IN,
            "tests.gan.test_registry:boxes.<locals>.Box",
            "A box.",
            {"side": 1.0, "corners": ()},
            None,
        ),
        ("egg", "round-things 1.2", "round_things:egg", "", {}, None),
    ]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere:Ball", "No module named 'nowhere'"),
        ("round_things:Bull", "has no attribute 'Bull'"),
        ("broken:Ball", "cannot be imported: NameError: name 'undefined' is not defined"),
        ("garbled:Ball", "cannot be imported: SyntaxError"),
        ("leaving:Ball", "cannot be imported: SystemExit: 3"),
        ("round_things:Liar", "not a Shape"),
        ("round_things:__name__", "not a Shape"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_named_with_its_package(
    tmp_path, monkeypatch, target, message
):
    modules = {"round_things": ROUND, "broken": "undefined", "garbled": "1 +"}
    modules["leaving"] = "raise SystemExit(3)"
    install(monkeypatch, tmp_path, "round-things", {"shapes": {"ball": target}}, modules)
    where = f"of round-things 1.2, entry point meshkit_gan.shapes: ball = {target}: "
    with pytest.raises(ConfigError, match=f"^shape 'ball' {where}.*{message}"):
        shapes().build("ball")
    (row,) = shapes().listed()
    assert row.problem is not None
    assert where in row.problem


def test_a_function_must_return_what_the_registry_holds(tmp_path, monkeypatch):
    points = {"shapes": {"lie": "round_things:lie"}}
    install(monkeypatch, tmp_path, "round-things", points, {"round_things": ROUND})
    with pytest.raises(ConfigError, match="shape 'lie' makes a int, not a Shape"):
        shapes().build("lie", scale=1.0)


def test_two_plug_ins_of_one_name_are_refused_and_none_hides_ours(tmp_path, monkeypatch):
    points = {"shapes": {"ball": "round_things:Ball", "box": "round_things:Ball"}}
    for name in ("one", "two"):
        install(monkeypatch, tmp_path / name, name, points, {"round_things": ROUND})
    twice = "'ball' is offered twice, by .* 1.2 .round_things:Ball. and .*: uninstall one of them"
    with pytest.raises(ConfigError, match=twice):
        boxes().build("ball", {"radius": 1}, scale=1.0)
    assert type(boxes().build("box", scale=1.0)).__name__ == "Box"
    told = {row[:2]: row.problem for row in boxes().listed()}
    assert told["box", BUILT_IN] is None
    assert "built in" in str(told["box", "one 1.2"])
    assert "offered twice" in str(told["ball", "two 1.2"])
    assert len(told) == 5


def test_the_modules_of_a_package_register_themselves(tmp_path, monkeypatch):
    package = tmp_path / "solids"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from tests.gan.test_registry import Shape\nfrom gan.registry import Registry\n"
        "SOLIDS = Registry('solid', base=Shape, package='solids')\n"
    )
    (package / "cube.py").write_text(
        "from solids import SOLIDS\nfrom tests.gan.test_registry import Shape\n"
        "@SOLIDS.register('cube')\nclass Cube(Shape): 'A cube.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    solids = import_module("solids").SOLIDS
    assert "solids.cube" not in sys.modules
    assert type(solids.build("cube")).__name__ == "Cube"
    assert list(solids) == ["cube"]
    for name in ("solids", "solids.cube"):
        monkeypatch.delitem(sys.modules, name)

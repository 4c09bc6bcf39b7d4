"""Light for scenes in the browser: a key, a fill, one from behind, and the sky.

Instead of viser's environment map and shadows, which take ten seconds to appear where there is no
GPU.
"""

import viser

# Where it comes from (x right, y up, z to the viewer), sRGB colour, intensity.
LIGHTS = {
    "key": ((-0.41, 0.51, 0.76), (255, 246, 235), 2.6),
    "fill": ((0.88, 0.07, 0.47), (210, 224, 255), 0.9),
    "behind": ((0.28, 0.47, -0.84), (235, 240, 255), 2.0),
}
SKY, GROUND, AMBIENT = (250, 250, 255), (165, 145, 135), 1.1
FAR = 10.0  # the unit ball lies within


def light(scene: viser.SceneApi, up: str = "y") -> None:
    """Light a scene about its origin; with "z" up, the front is -y."""
    scene.configure_environment_map(None)
    scene.configure_default_lights(False, cast_shadow=False)
    scene.add_light_hemisphere("/lights/sky", sky_color=SKY, ground_color=GROUND, intensity=AMBIENT)
    for name, ((x, y, z), color, intensity) in LIGHTS.items():
        place = (x, y, z) if up == "y" else (x, -z, y)
        scene.add_light_directional(
            f"/lights/{name}",
            color=color,
            intensity=intensity,
            position=(FAR * place[0], FAR * place[1], FAR * place[2]),
            cast_shadow=False,
        )

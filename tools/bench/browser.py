"""`gan view` in Chromium: from a key on a slider to the drawn frame that shows the new face."""

import shutil
from collections.abc import Iterator

import numpy as np
from measure import Row
from viewer import large_model

from gan.viewing.face_viewer import view_faces

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SIZE = {"width": 900, "height": 600}
MOVES = 30
PATIENCE = 120_000  # milliseconds: software rendering on a busy machine
# A face has come when its positions go to the graphics card.
WATCH = """
for (const name of ['bufferData', 'bufferSubData']) {
  const real = WebGL2RenderingContext.prototype[name];
  WebGL2RenderingContext.prototype[name] = function (...given) {
    const data = given.find((value) => ArrayBuffer.isView(value));
    if (data && data.byteLength >= window.positionBytes) window.came = this;
    return real.apply(this, given);
  };
}
"""
MOVE = """
async ([bytes, moves]) => {
  window.positionBytes = bytes;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const slider = document.querySelector('[role=slider]');
  slider.focus();
  const taken = [], idle = [];
  for (let k = 0; k < moves; k++) {
    await new Promise((done) => setTimeout(done, 500));
    window.came = null;
    const start = performance.now();
    slider.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
    while (!window.came) await frame();
    window.came.finish();  // the frame has been asked for; now it is drawn
    taken.push(performance.now() - start);
    const still = performance.now();
    await frame();
    await frame();
    window.came.finish();
    idle.push((performance.now() - still) / 2);
  }
  return [taken, idle];
}
"""


def rows(*, full: bool) -> Iterator[Row]:
    """Yield one row, the best of 30 moves; none where there is no Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        return
    model = large_model()
    with view_faces(model, port=0) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE)
        page.add_init_script(WATCH)
        page.goto(server.url)
        page.get_by_role("slider").nth(3).wait_for()
        page.wait_for_timeout(5000)
        timed = page.evaluate(MOVE, [12 * len(model.template), MOVES])
        browser.close()
    taken, idle = np.array(timed) / 1000
    medians = [f"{1000 * np.median(times):.0f}" for times in (taken, idle)]
    note = f"medians {', '.join(medians)} ms; drawn without a GPU"
    what = f"slider to drawn frame, {len(model.template)}, plain"
    yield Row(what, float(taken.min()), float(idle.min()), "a frame without a change", note)

"""The controls of `meshkit view`, one set for each browser: what one does, no other sees."""

import html
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import viser

from meshkit.doctor.findings import Finding, plural
from meshkit.viewing.highlight import MAX_ELEMENTS
from meshkit.viewing.notes import note, picture_of
from meshkit.viewing.scene import DEFAULT, MODES, OF_LAYOUT, SEVERITIES, MeshScene, loop_color
from meshkit.viewing.subject import Subject, UVLayout

AT_ONCE = 300_000  # faces up to which texture coordinates are computed unasked
LOOPS_LISTED = 12
NOUNS = {"faces": "face", "edges": "edge", "vertices": "vertex"}
_NO_COLORS = "the file has no colours"
CLICK = "Click on a finding to see it on the mesh."


class MeshPanel:
    """The controls and the scene of one browser."""

    def __init__(
        self,
        client: viser.ClientHandle,
        subjects: Sequence[Subject],
        up: str,
        advice: Callable[[str], str],
    ) -> None:
        self.client = client
        self.advice = advice
        self.subjects = dict(zip(labels([s.path for s in subjects]), subjects, strict=True))
        self.scene = MeshScene(client, up)
        self.subject = subjects[0]
        self._lock = threading.RLock()
        self._marked: Finding | None = None
        self._late = False
        self._parts: list[viser.GuiFolderHandle] = []
        self._build()

    def _build(self) -> None:
        gui = self.client.gui
        names = list(self.subjects)
        if len(names) > 1:
            files = gui.add_dropdown("File", names)
            files.on_update(lambda _: self.show(self.subjects.get(files.value, self.subject)))
        self.mode = gui.add_dropdown("Shading", list(MODES), initial_value=DEFAULT)
        self.mode.on_update(lambda _: self._shade())
        self.legend = gui.add_html("")
        self.borders = gui.add_checkbox("Border loops", initial_value=True)
        self.borders.on_update(lambda _: self.scene.show_borders(bool(self.borders.value)))
        home = gui.add_button("Reset view", icon=viser.Icon.HOME)
        home.on_click(lambda _: self.scene.home())
        self.save = gui.add_button("Save picture", icon=viser.Icon.CAMERA)
        self.save.on_click(lambda _: self._save())

    def show(self, subject: Subject) -> None:
        """Show another mesh: the surface first, then what takes time to find out."""
        with self._lock:
            self.subject = subject
            self._marked = None
            self._clear()
            self.scene.show(subject)
            self.scene.home()
            self.scene.show_borders(bool(self.borders.value))
            with self._folder("Mesh"):
                text = self.client.gui.add_html(_facts(subject, full=False))
        self._shade()
        subject.diagnosis()
        at_once = len(subject.F) <= AT_ONCE or subject.mesh.UV is not None
        layout = subject.layout() if at_once else None
        with self._lock:
            if self.subject is subject:  # no other was chosen meanwhile
                text.content = _facts(subject, full=True)
                self._list(layout)

    def _list(self, layout: UVLayout | str | None) -> None:
        """Write anew what is below the facts; None is a layout that nobody has asked for."""
        self._clear(keep=1)
        self._list_findings(layout)
        self._show_layout(layout)
        self._late = layout is None

    def _clear(self, keep: int = 0) -> None:
        for part in self._parts[keep:]:
            part.remove()
        del self._parts[keep:]

    def _folder(self, title: str) -> viser.GuiFolderHandle:
        folder = self.client.gui.add_folder(title)
        self._parts.append(folder)
        return folder

    def _shade(self) -> None:
        subject, mode = self.subject, self._chosen()
        if mode in OF_LAYOUT:
            self.legend.content = note("Computing …")
            subject.layout()  # out of the lock: it may take a minute
        with self._lock:
            if (subject, mode) != (self.subject, self._chosen()):
                return
            if self.scene.shade(mode):
                text = MODES[mode].text
            else:
                text = f"Not shown: {subject.layout() if mode in OF_LAYOUT else _NO_COLORS}"
            self.legend.content = note(text)
            if self._late and mode in OF_LAYOUT:
                self._list(subject.layout())

    def _chosen(self) -> str:
        """Return the shading that is chosen; a browser may send what is not in the list."""
        return self.mode.value if self.mode.value in MODES else DEFAULT

    def _list_findings(self, layout: UVLayout | str | None) -> None:
        findings = list(self.subject.diagnosis().findings)
        if isinstance(layout, UVLayout):
            findings += layout.findings
        findings.sort(key=lambda finding: list(SEVERITIES).index(finding.severity))
        with self._folder(f"Findings ({len(findings)})"):
            gui = self.client.gui
            if not findings:
                gui.add_html(note("No findings: nothing is wrong with this mesh."))
                return
            for finding in findings:
                some = (
                    plural(finding.count, NOUNS[finding.kind])
                    if finding.count
                    else finding.severity
                )
                button = gui.add_button(
                    f"{finding.name}: {some}",
                    color=SEVERITIES[finding.severity],
                    hint=f"{finding.severity}: {finding.message}",
                )
                button.on_click(partial(self._clicked, finding))
            self.message = gui.add_html(note(CLICK))

    def _clicked(self, finding: Finding, _: object) -> None:
        self._mark(finding)

    def _mark(self, finding: Finding) -> None:
        """Show a finding, or hide it if it is the one that is shown."""
        with self._lock:
            self._marked = None if finding is self._marked else finding
            drawn = self.scene.mark(self._marked)
            if self._marked is None:
                self.message.content = note(CLICK)
                return
            text = note(finding.message) + note(f"Remedy: {self.advice(finding.remedy)}")
            if drawn < finding.count:
                why = "" if drawn == MAX_ELEMENTS else "; the others have no place"
                text += note(f"Shown: {drawn:,} of {finding.count:,}{why}")
            self.message.content = text

    def _show_layout(self, layout: UVLayout | str | None) -> None:
        picture = self.subject.layout_picture() if isinstance(layout, UVLayout) else None
        gui = self.client.gui
        with self._folder("Texture coordinates"):
            if isinstance(layout, UVLayout):
                gui.add_html(note(f"{layout.text[0].upper()}{layout.text[1:]}."))
            elif layout is None:
                gui.add_html(
                    note("To compute them, choose a shading that shows them; it may take a while.")
                )
            else:
                gui.add_html(note(f"There are none: {layout}."))
            if picture is not None:
                gui.add_image(picture, format="png")

    def _save(self) -> None:
        """Let the browser save what it shows, without the controls."""
        self.save.disabled = True
        try:
            content = picture_of(self.client, opaque=True)
        except OSError as error:
            text = html.escape(str(error))
            self.client.add_notification("The picture could not be saved", text, color="red")
            return
        finally:
            self.save.disabled = False
        name = f"{self.subject.path.stem}.png"
        self.client.send_file_download(name, content, save_immediately=True)


def labels(paths: Sequence[Path]) -> list[str]:
    """Return a distinct name for each file: as short as that allows."""
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    return [
        name if names.count(name) == 1 else f"{name} ({names[:k].count(name) + 1})"
        for k, name in enumerate(names)
    ]


def _facts(subject: Subject, *, full: bool) -> str:
    """Return the table of facts; those of the doctor only if asked: he takes his time."""
    unit = subject.unit()
    size = " × ".join(map(_number, subject.extent.tolist()))
    rows = {
        "file": html.escape(subject.path.name),
        "vertices": f"{len(subject.mesh.V):,}",
        "faces": f"{len(subject.mesh.F):,}",
        "size": size,
        "unit": f"{unit}, if this is a face" if unit else "unknown: no face has this size",
        "area": _number(subject.area()),
    }
    if full:
        diagnosis = subject.diagnosis()
        rows |= {
            "components": f"{diagnosis.components:,}",
            "genus": "undefined" if diagnosis.genus is None else f"{diagnosis.genus:,}",
            "border loops": _loops(diagnosis.loops),
        }
    cells = "".join(
        f'<tr><td style="opacity: 0.6; padding-right: 0.75em; vertical-align: top">{name}</td>'
        f'<td style="overflow-wrap: anywhere">{value}</td></tr>'
        for name, value in rows.items()
    )
    return f'<table style="margin: 0 0.75em; font-size: 0.8em; line-height: 1.5">{cells}</table>'


def _number(value: float) -> str:
    """Write four digits, and no power of ten where it can be helped."""
    return f"{value:,.0f}" if 1000 <= value < 1e9 else f"{value:.4g}"


def _loops(lengths: Sequence[int]) -> str:
    """List the lengths of the loops, each in the colour of its line."""
    if not lengths:
        return "none"
    words = []
    for k, length in enumerate(lengths[:LOOPS_LISTED]):
        r, g, b = loop_color(k)
        words.append(f'<span style="color: rgb({r}, {g}, {b})">■</span> {length:,}')
    more = f" and {len(lengths) - LOOPS_LISTED:,} more" if len(lengths) > LOOPS_LISTED else ""
    return f"{len(lengths):,}: {' '.join(words)}{more}"

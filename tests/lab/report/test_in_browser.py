"""The page as people meet it: in headless Chromium, by mouse and keyboard, on a phone, in the dark, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.browser import ABSENT, BrowserError, Page, browser, chromium
from lab.media import write_media
from lab.report import write_report
from lab.trial import Grid, Passage
from tests.lab.report.conftest import TARGET, run_writer, write_search
from tests.lab.report.test_media import picture

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason=f"needs a Chromium: {ABSENT}"),
    pytest.mark.xdist_group("browser"),
]
MIDDLE = """(() => {{
    const drawing = document.querySelector("{}");
    drawing.scrollIntoView({{ block: "center", behavior: "instant" }});
    const box = drawing.getBoundingClientRect();
    return [box.x + {} * box.width, box.y + box.height / 2];
}})()"""
# Every text that is shown, whose contrast with what lies behind it is below 4.5 : 1 (WCAG 2.2, criterion 1.4.3).
FAINT = """(() => {
    const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const read = colour => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (let e = element; e; e = e.parentElement) {
            const found = read(getComputedStyle(e).backgroundColor);
            if (found[3] === 255) return found;
        }
        return [255, 255, 255];
    };
    const faint = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.textContent.trim() || element.closest("script, style, .skip")) continue;
        if (!element.checkVisibility({ visibilityProperty: true })) continue;
        const style = getComputedStyle(element);
        const [a, b] = [read(element.closest("svg") ? style.fill : style.color), behind(element)].map(light);
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) faint.add(`${element.tagName} ${element.getAttribute("class")} ${contrast}`);
    }
    return [...faint];
})()"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with all that a page can have."""
    folder = tmp_path_factory.mktemp("page")
    write = run_writer(folder / "runs")
    for arm in range(2):
        config = {"agent": {"learning_rate": 0.1 / (arm + 1), "replay": bool(arm)}, "run": {"steps": 20}}
        for seed in range(3):
            record = {"variant": f"arm {arm}"}
            failed = {"state": "failed", "error": "RuntimeError: it broke"} if (arm, seed) == (1, 2) else {}
            run = write(seed, address=f"{arm}" * 10, config=config, record=record, status=failed)
            (run / "media" / "20-wrong_ones.png").write_bytes(picture())
            (run / "media" / "20-episode.gif").write_bytes(picture("gif"))
            classes = ["cat", "dog", "a name that is long"]
            counts = Grid(np.array([[90, 9, 1], [0, 80, 20], [3, 3, 94]]), classes, classes, "class", "answer", True)
            write_media(run / "media", 20, "confusion", counts)
            weights = Grid(np.array([[0.9, 0.1], [0.2, 0.8]]), ["the", "cat"], ["le", "chat"], "word", "looked at")
            write_media(run / "media", 20, "attention", weights)
            write_media(run / "media", 20, "sample", Passage("a line that goes on " * 20))
    write_search(folder / "runs")
    for seed in range(5):
        write(seed, experiment="with_a_target_and_a_name_that_is_rather_long", record={"target": TARGET})
    return write_report(folder / "runs", folder / "report.html")


@pytest.fixture(scope="module")
def chrome() -> Iterator[Page]:
    program = chromium()
    assert program is not None
    with browser(program) as tab:
        yield tab


@pytest.fixture
def page(chrome: Page, written: Path) -> Page:
    """The page just opened, on a wide screen, in the light."""
    chrome.size(1280, 900)
    chrome.show_as("light")
    chrome.open(written)
    return chrome


def text(page: Page, selector: str) -> str:
    return " ".join(page.evaluate(f'document.querySelector("{selector}").textContent').split())


def tab_to(page: Page, selector: str, most: int = 80) -> None:
    """Presses Tab until what the selector names has the focus."""
    for _ in range(most):
        page.press("Tab")
        if page.evaluate(f'document.activeElement.matches("{selector}")'):
            return
    raise AssertionError(f"{most} times Tab do not reach {selector}")


def test_nothing_is_fetched_and_no_script_fails(page: Page, written: Path) -> None:
    page.point_at(*page.evaluate(MIDDLE.format(".plot svg", 0.9)))
    page.point_at(*page.evaluate(MIDDLE.format(".panel svg", 0.5)))
    assert page.requests == [written.resolve().as_uri()]
    assert page.errors == []


def test_the_policy_would_stop_it(page: Page) -> None:
    with pytest.raises(BrowserError, match="Failed to fetch"):
        page.evaluate('fetch("data:text/plain,x")')
    page.evaluate('document.body.append(Object.assign(document.createElement("script"), { text: "window.ran = 1" }))')
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in error for error in page.errors)


def test_pointing_at_a_chart_reads_values_out(page: Page) -> None:
    assert text(page, ".at") == "at 20 updates"
    before = text(page, ".legend")
    page.point_at(*page.evaluate(MIDDLE.format(".plot svg", 0.55)))
    assert text(page, ".at") == "at 10 updates"
    assert text(page, ".legend") != before
    assert "50.0" in text(page, ".legend")
    page.point_at(1, 1)
    assert text(page, ".at") == "at 20 updates"
    assert text(page, ".legend") == before


def test_pointing_at_a_legend_brings_out_its_line(page: Page) -> None:
    page.point_at(*page.evaluate(MIDDLE.format(".legend .arm-entry", 0.5)))
    shown = 'getComputedStyle(document.querySelectorAll(".series")[{}]).opacity'
    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished))")
    assert [page.evaluate(shown.format(i)) for i in (0, 1)] == ["1", "0.12"]


def test_the_keyboard_reaches_charts_and_opens_sections(page: Page) -> None:
    tab_to(page, ".plot")
    page.press("ArrowLeft")
    assert text(page, ".at") == "at 10 updates"
    page.press("End")
    assert text(page, ".at").startswith("at 20 updates")
    page.press("Escape")
    for key in ("Enter", "Space"):
        tab_to(page, "summary")
        closed = not page.evaluate("document.activeElement.parentElement.open")
        page.press(key)
        assert page.evaluate("document.activeElement.parentElement.open") is closed
        assert page.evaluate('document.activeElement.parentElement.querySelector("table, svg").checkVisibility()')
    assert page.evaluate('getComputedStyle(document.activeElement).outlineStyle === "solid"'), "the focus is seen"


def test_the_keyboard_goes_through_the_candidates_of_a_search(page: Page) -> None:
    tab_to(page, ".panels")
    page.press("ArrowRight")
    assert text(page, ".search-figure .at") == "candidate 4: learning_rate 0.003, size 32 → 9.000 at 90"
    page.press("End")
    assert text(page, ".search-figure .at").endswith("NonFiniteMetric: it became nan")
    shown = '[...document.querySelectorAll(".pointer")].map(each => each.style.visibility)'
    assert page.evaluate(shown) == ["visible"] * 3, "in all panels at once"
    page.press("Escape")
    assert text(page, ".search-figure .at").startswith("The best: candidate 4")


def test_pointing_at_a_candidate_names_it_in_all_panels(page: Page) -> None:
    page.point_at(*page.evaluate(MIDDLE.format(".panel .ring", 0.5)))
    assert text(page, ".search-figure .at").startswith("candidate 4: ")
    place = '[...document.querySelectorAll(".panel .{}")].map(e => [+e.getAttribute("cx"), +e.getAttribute("cy")])'
    assert page.evaluate(place.format("pointer")) == page.evaluate(place.format("ring"))


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_scrolls_sideways(page: Page, width: int) -> None:
    page.size(width, 844)
    page.evaluate('document.querySelectorAll("details").forEach(each => { each.open = true; })')
    page.evaluate('document.querySelectorAll(".experiment").forEach(e => { e.style.contentVisibility = "visible"; })')
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_lies_behind_it(page: Page, scheme: str) -> None:
    page.show_as(scheme)
    page.evaluate('document.querySelectorAll("details").forEach(each => { each.open = true; })')
    assert page.evaluate(FAINT) == []


def test_dark_is_dark(page: Page) -> None:
    page.show_as("dark")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(22, 24, 27)"
    page.show_as("light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 251)"


def test_the_check_of_contrast_sees_what_is_faint(page: Page) -> None:
    page.evaluate('document.querySelector("h1").style.color = "#999"')
    (found,) = page.evaluate(FAINT)
    assert "H1" in found


def test_print_opens_what_is_folded_and_folds_it_again(page: Page, tmp_path: Path) -> None:
    closed = "[...document.querySelectorAll('details')].filter(each => !each.open).length"
    before = page.evaluate(closed)
    assert before >= 3
    page.evaluate(f'addEventListener("beforeprint", () => {{ window.left = {closed}; }})')
    page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert page.evaluate("window.left") == 0
    assert page.evaluate(closed) == before


def test_on_paper_there_are_no_buttons_and_paper_is_white_though_the_screen_is_dark(page: Page) -> None:
    page.show_as("dark", medium="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.evaluate('[...document.querySelectorAll("button")].some(each => each.checkVisibility())')
    assert page.evaluate(FAINT) == []


def test_a_command_can_be_copied(page: Page) -> None:
    tab_to(page, ".copy")
    page.press("Enter")
    page.evaluate("new Promise(done => setTimeout(done, 50))")
    assert page.evaluate("document.activeElement.textContent") in ("Copied", "Press Ctrl+C")


def test_a_confusion_table_names_its_cells(page: Page) -> None:
    cells = '[...document.querySelectorAll(".confusion tbody td")]'
    found = page.evaluate(f"{cells}.map(each => [each.textContent, each.title])")
    assert found[1] == ["9", "cat → dog: 9, 9.0% of the row"]
    assert found[3] == ["", "dog → cat: 0, 0.0% of the row"]
    behind = f"{cells}.map(each => getComputedStyle(each).backgroundColor)"
    right, mistake, _, never = page.evaluate(behind)[:4]
    assert len({right, mistake, never}) == 3

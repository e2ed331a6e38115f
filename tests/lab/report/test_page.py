from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.report import write_report
from lab.report.page import breakable, linked, tail
from tests.lab.report.test_media import picture

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=\"alert('2')\"> & 'quoted'"


@pytest.fixture
def page(tmp_path, parse):
    def written(experiments=None):
        out = write_report(tmp_path / "runs", tmp_path / "out" / "report.html", experiments)
        return parse(out.read_text(encoding="utf-8"))

    return written


def glance(page):
    """The table at a glance: for each row what stands in its columns."""
    [table] = page.all("table", class_="glance")
    return [[cell.text for cell in row if cell.tag in ("td", "th")] for row in table.all("tr")[1:]]


def table_of_arms(section):
    [table] = section.all("table", class_="arms")
    return [[cell.text for cell in row if cell.tag in ("td", "th")] for row in table.all("tr")]


def section(page, name):
    [found] = [s for s in page.all("section", class_="experiment") if s.all("h2")[0].text.startswith(name)]
    return found


def test_the_table_at_a_glance_by_hand(page, write_run, target):
    for seed, value in enumerate([90.0, 101.0, 102.0, 103.0, 104.0]):
        write_run(seed, returns={10: 1.0, 20: value}, record={"target": target | {"each_seed_at_least": 80.0}})
    [row] = glance(page())
    experiment, published, bound, ours, _, seeds, steps, verdict = row
    assert experiment == "catcheval/return"
    assert published == "110.5"
    assert bound == "≥ 100each seed ≥ 80"
    assert re.fullmatch(r"102\.0 \[9\d\.\d+, 10\d\.\d\]", ours)  # (101 + 102 + 103) / 3
    assert seeds == "5 of 5"
    assert steps == "20updates10 s a seed"
    assert verdict == "pass"


def test_what_ran_is_told_at_the_head(page, write_run):
    write_run(0)
    write_run(1, status={"state": "failed", "error": "boom"})
    head = page().all("header")[0].text
    assert "Results of catch" in head
    assert "2 runs: 1 finished and 1 failed." in head
    assert "first to end: 21 Nov 2025, 01:00 UTC" in head
    assert "20 s of training and judging" in head
    assert "Abacus, 2 cores" in head
    assert "python 3.11.9, torch 2.13.0" in head
    assert "cpu, 1 thread, deterministic kernels" in head
    assert "commit 0123456789" in head


def test_budgets_and_seeds_that_are_not_met_are_told_instead_of_a_verdict(page, write_run, target):
    for seed in range(3):
        write_run(seed, record={"target": target | {"steps": 50_000}})
    whole = page()
    [row] = glance(whole)
    assert row[-1] == "not yetbudget 20 of 50,000 updates3 of 5 seeds"
    assert "at 20" in row[3]
    assert "Seeds 3-4 have not run: the target asks for 5 seeds." in section(whole, "catch").text
    assert not whole.all("*", class_="pass")
    assert not whole.all("*", class_="fail")


def test_one_seed_is_said_to_have_no_interval(page, write_run):
    write_run()
    whole = page()
    assert "one seed: no interval" in glance(whole)[0][3]
    assert "One seed, so no interval." in section(whole, "catch").text
    assert not whole.all("path", class_="interval")


def test_failures_and_interruptions_are_told_with_their_errors(page, write_run):
    for seed in range(3):
        write_run(seed)
    write_run(3, returns={10: 5.0}, status={"state": "failed", "error": "NonFinite: the loss became nan\n  at step 14"})
    write_run(4, returns={10: 5.0}, status={"state": "interrupted", "error": "SIGTERM"})
    whole = page()
    failure, interruption = section(whole, "catch").all("div", class_="trouble")
    assert failure.text == "Seed 3 failed at 10 of 20 updates.NonFinite: the loss became nan at step 14"
    assert "failure" in failure.attributes["class"]
    assert interruption.text.startswith("Seed 4 was interrupted at 10 of 20 updates.")
    assert interruption.text.endswith("SIGTERM")
    assert glance(whole)[0][5] == "3 of 51 failed, 1 interrupted"


def test_arms_share_a_chart_with_a_legend_and_a_table_of_what_sets_them_apart(page, write_run, target):
    for i, (variant, replay) in enumerate([("full", True), ("no replay", False)]):
        for seed in range(2):
            write_run(
                seed,
                address=str(i) * 10,
                config={"agent": {"replay": replay, "discount": 0.99}, "run": {"steps": 20}},
                record={"variant": variant, "target": target | {"seeds": 2}},
                returns={10: 1.0, 20: 200.0 if replay else 20.0},
            )
    whole = page()
    arms = section(whole, "catch")
    judged = arms.all("figure", class_="chart-figure")[0]
    assert judged.all("h4")[0].text == "eval/return"
    assert len(judged.all("g", class_="series")) == 2
    legend = [item.text for item in judged.all("li")]
    assert legend == ["full 200.0 [200.0, 200.0]", "no replay 20.00 [20.00, 20.00]", "target 100"]
    rows = table_of_arms(arms)
    assert rows[0] == ["Arm", "eval/return 95 % interval", "Seeds", "What sets it apart", "Time"]
    assert rows[1] == ["full", "200.0 [200.0, 200.0]", "", "agent.replay on", "10 s a seed"]
    assert rows[2] == ["no replay", "20.00 [20.00, 20.00]", "", "agent.replay off", "10 s a seed"]
    assert len(rows) == 3
    assert [row[-1] for row in glance(whole)] == ["pass", "failIQM 20.00 is below 100"]


def test_what_most_arms_share_is_told_once(page, write_run):
    for i, agent in enumerate([{"l2": 0.0}, {"l2": 0.1}, {"l2": 0.0, "dropout": 0.5}]):
        config = {"agent": {"dropout": 0.0} | agent, "run": {"steps": 20}}
        write_run(address=str(i) * 10, config=config, record={"variant": "abc"[i], "target": None})
    found = section(page(), "catch")
    assert [row[3] for row in table_of_arms(found)[1:]] == ["the usual settings", "agent.l2 0.1", "agent.dropout 0.5"]
    [told] = found.all("p", class_="small-print")
    assert told.text == ("The usual settings, which more than half of the arms share: agent.dropout 0.0, agent.l2 0.0.")


def test_many_arms_without_a_target_are_one_row_at_a_glance(page, write_run):
    for i in range(4):
        for seed in range(2):
            record = {"variant": f"arm {i}", "target": None}
            write_run(seed, address=str(i) * 10, record=record, returns={10: 0.0, 20: 10.0 * i})
    whole = page()
    [row] = glance(whole)
    assert row == [
        "catch 4 armseval/return", "—", "none", "0 to 30.00", "", "2 an arm", "20updates10 s a seed", "compared"
    ]  # fmt: skip
    assert len(table_of_arms(section(whole, "catch"))) == 1 + 4


def test_few_arms_and_those_with_a_target_keep_a_row_each(page, write_run, target):
    for i in range(3):
        write_run(address=str(i) * 10, experiment="few", record={"variant": str(i), "target": None})
    for i in range(4):
        write_run(address=str(i) * 10, experiment="held", record={"variant": str(i), "target": target})
    assert len(glance(page())) == 3 + 4


def test_an_arm_that_diverged_is_told_as_a_result_and_breaks_nothing(page, write_run):
    why = "NonFiniteMetric: Stopped in the step after 3 updates: loss is inf at update 3. Lower learning_rate."
    for i, variant in enumerate(["good", "fair", "bad"]):
        for seed in range(3):
            gone = variant == "bad" or (variant == "fair" and seed == 2)
            directory = write_run(
                seed,
                address=str(i) * 10,
                record={"variant": variant, "target": None},
                returns={10: 5.0} if gone and variant == "fair" else {} if gone else {10: 5.0, 20: 10.0},
                status={"state": "failed", "error": why, "step": 4 + seed} if gone else {},
            )
            if variant == "bad":
                (directory / "metrics.jsonl").unlink()
    whole = page()
    found = section(whole, "catch")
    assert "9 runs: 5 finished and 4 diverged." in whole.all("header")[0].text
    [bad, fair] = found.all("div", class_="trouble")
    assert bad.text.startswith("Seeds 0-2 of bad diverged at 4–6 of 20 updates, and so came to no score.")
    assert bad.text.endswith(why.removeprefix("NonFiniteMetric: "))
    assert fair.text.startswith("Seed 2 of fair diverged at 10 of 20 updates")
    assert not found.all("div", class_="failure")
    assert [row[1] for row in table_of_arms(found)[1:]] == [
        "—3 diverged", "10.00 [10.00, 10.00]1 diverged", "10.00 [10.00, 10.00]"
    ]  # fmt: skip
    judged = found.all("figure", class_="chart-figure")[0]
    legend = [item.text for item in judged.all("li")]
    assert legend == [
        "fair 10.00 [10.00, 10.00] · 2 of 3 seeds · 1 diverged",
        "good 10.00 [10.00, 10.00]",
        "bad diverged at 4–6",
    ]
    assert not found.all("details", class_="notes"), "that nothing was logged before is no trouble of its own"


def test_arms_stand_in_the_legend_as_their_lines_end_and_what_is_off_the_scale_is_told(page, write_run):
    for i, end in enumerate([2.0, 3.0, 2.5, 900.0]):
        returns = {step: 1.0 + (end - 1.0) * step / 20 for step in range(1, 21)}
        returns[1] = 5.0 if i == 0 else returns[1]
        write_run(address=str(i) * 10, record={"variant": "abcd"[i], "target": None}, returns=returns)
    judged = section(page(), "catch").all("figure", class_="chart-figure")[0]
    assert [item.all("span", class_="name")[0].text for item in judged.all("li")] == ["d", "b", "c", "a"]
    colours = [g.attributes["class"] for g in judged.all("g", class_="series")]
    assert colours == [f"series colour-{i} dashes-0" for i in (3, 1, 2, 0)], "an arm's colour is the same in all charts"
    [subtitle] = judged.all("p", class_="subtitle")
    assert subtitle.text.endswith("Off the scale: d (900.0 at the end); how lines begin.")


def test_arms_scored_under_different_protocols_are_not_drawn_together(page, write_run, target):
    for i, protocol in enumerate(["greedy", "with exploration"]):
        write_run(address=str(i) * 10, record={"variant": f"arm {i}", "target": target | {"protocol": protocol}})
    judged = [f for f in page().all("figure", class_="chart-figure") if f.all("h4")[0].text == "eval/return"]
    assert [len(figure.all("g", class_="series")) for figure in judged] == [1, 1]


def test_pictures_are_inlined_with_alternatives_and_videos_have_controls(page, write_run):
    media = write_run() / "media"
    (media / "000000000020-wrong_ones.png").write_bytes(picture())
    (media / "000000000020-episode.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    whole = page()
    [image] = whole.all("img")
    assert image.attributes["src"].startswith("data:image/png;base64,")
    assert image.attributes["alt"] == "wrong_ones after 20 updates, seed 0"
    [video] = whole.all("video")
    assert video.attributes["src"].startswith("data:video/mp4;base64,")
    assert "controls" in video.attributes
    assert "wrong ones" in section(whole, "catch").text


def test_each_run_s_directory_and_the_command_that_repeats_it_are_named(page, write_run):
    for seed in range(2):
        write_run(seed)
    found = section(page(), "catch")
    assert [c.text for c in found.all("table", class_="runs")[0].all("code")] == [
        "catch/aaaaaaaaaa/seed-0",
        "catch/aaaaaaaaaa/seed-1",
    ]
    assert [pre.text for command in found.all("div", class_="command") for pre in command.all("pre")] == [
        "lab run catch --seeds 0-1 --run.steps 20"
    ]


def test_protocol_and_source_are_told(page, write_run):
    write_run()
    text = section(page(), "catch").all("dl", class_="protocol")[0].text
    assert "eval/return ≥ 100; IQM over 5 seeds at 20 updates" in text
    assert "greedy, 10 episodes" in text
    assert "A. Author 2015, https://example.org/paper." in text


def test_whatever_a_run_says_stays_text(page, write_run, target):
    hostile_target = target | {"protocol": HOSTILE, "source": HOSTILE, "metric": "eval/return"}
    record = {"variant": HOSTILE, "summary": HOSTILE, "unit": HOSTILE, "command": HOSTILE, "target": hostile_target}
    config = {"agent": {HOSTILE: HOSTILE}, "run": {}}
    write_run(0, address="b" * 10, config=config, record=record, status={"state": "failed", "error": HOSTILE})
    write_run(0, address="c" * 10, record={"schema": HOSTILE})
    (write_run(1, address="c" * 10, experiment="<b>") / "media" / '2-<i>".png').write_bytes(picture())
    whole = page()
    assert [s.attributes.get("type", "") for s in whole.all("script")].count("") == 1  # the page's own
    assert {image.attributes["src"][:10] for image in whole.all("img")} == {"data:image"}
    assert not [e for e in whole if any(name.startswith("on") for name in e.attributes)]
    assert not whole.all("i")
    assert HOSTILE in section(whole, "catch").text


def test_nothing_is_fetched(page, write_run, tmp_path):
    (write_run() / "media" / "20-a.png").write_bytes(picture())
    whole = page()
    for element in whole:
        assert not element.attributes.get("src", "data:").startswith(("http", "//", "file"))
        assert element.tag not in ("link", "iframe", "object", "embed")
    links = {a.attributes["href"] for a in whole.all("a") if not a.attributes["href"].startswith("#")}
    assert links == {"https://example.org/paper"}
    style = whole.all("style")[0].text
    assert "url(" not in style
    assert "@import" not in style


def test_the_browser_is_told_to_run_the_page_s_own_script_alone(page, write_run, tmp_path):
    write_run()
    page()
    text = (tmp_path / "out" / "report.html").read_text()
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert len(script) == 1
    assert f"script-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text


def test_charts_tables_and_regions_have_names_for_those_who_cannot_see_them(page, write_run):
    write_run()
    whole = page()
    assert whole.all("html")[0].attributes["lang"] == "en"
    assert all(svg.attributes["aria-label"] for svg in whole.all("svg", role="img"))
    assert all("aria-hidden" in svg.attributes or svg.attributes.get("role") == "img" for svg in whole.all("svg"))
    assert all("scope" in cell.attributes for cell in whole.all("th"))
    ids = [e.attributes["id"] for e in whole if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    targets = {a.attributes["href"][1:] for a in whole.all("a") if a.attributes["href"].startswith("#")}
    assert targets <= set(ids)
    labelled = {e.attributes["aria-labelledby"] for e in whole if "aria-labelledby" in e.attributes}
    assert labelled <= set(ids)


def test_half_written_runs_are_told_and_hide_nothing_else(page, write_run, tmp_path):
    for seed in range(5):
        write_run(seed)
    broken = write_run(0, experiment="broken")
    (broken / "config.json").write_text('{"schema": "lab.run/1", "exp')
    (broken / "metrics.jsonl").write_text("")
    (broken / "status.json").unlink()
    (tmp_path / "runs" / "empty" / "bbbbbbbbbb" / "seed-0").mkdir(parents=True)
    whole = page()
    assert [row[-1] for row in glance(whole)] == ["no target", "pass", "no target"]
    notes = section(whole, "broken").all("details", class_="notes")[0].text
    assert "config.json is no whole JSON" in notes
    assert "metrics.jsonl is empty" in notes
    assert "status.json is missing." in notes
    assert "No metric was logged" in section(whole, "empty").text
    assert "5 finished and 2 left no readable status" in whole.all("header")[0].text


def test_seeds_that_share_no_step_are_drawn_one_by_one(page, write_run):
    write_run(0, returns={10: 1.0, 20: 2.0})
    write_run(1, returns={11: 1.0, 21: 2.0})
    figure = section(page(), "catch").all("figure", class_="chart-figure")[0]
    assert len(figure.all("path", class_="seed")) == 2
    assert not figure.all("path", class_="centre")
    assert "no common steps" in figure.text


def test_an_empty_folder_of_runs_says_how_to_begin(page, tmp_path):
    (tmp_path / "runs").mkdir()
    whole = page()
    assert "Nothing has run yet" in whole.text
    assert "lab run NAME --seeds 0-4" in whole.text


def test_one_of_several_experiments_can_be_reported(page, write_run):
    write_run(experiment="one")
    write_run(experiment="other")
    assert [row[0] for row in glance(page(["other"]))] == ["othereval/return"]


def test_a_page_is_replaced_whole_and_nothing_is_left_beside_it(page, write_run, tmp_path, monkeypatch):
    write_run()
    page()
    out = tmp_path / "out" / "report.html"
    before = out.read_bytes()

    def full_disk(source, destination):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        page()
    assert out.read_bytes() == before
    assert list(out.parent.iterdir()) == [out]


def test_half_characters_in_an_error_do_not_stop_the_page(page, write_run):
    write_run(status={"state": "failed", "error": "\ud800 broke"})
    assert "? broke" in page().text


def test_long_curves_stay_light(write_run, tmp_path):
    for seed in range(5):
        write_run(seed, returns={step: float(step % 97) for step in range(1, 5_001)})
    out = write_report(tmp_path / "runs", tmp_path / "report.html")
    assert out.stat().st_size < 150_000  # so that fifty such experiments stay below 10 MB with their pictures


def test_the_report_loads_neither_torch_nor_experiments():
    code = (
        "import sys, lab.report; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} "
        "& {'torch', 'experiments', 'matplotlib', 'wandb', 'PIL'}))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == ""


def test_names_break_where_their_parts_meet():
    assert breakable("dqn_<b>/x") == "dqn_<wbr>&lt;b&gt;/<wbr>x"


def test_a_setting_is_called_by_the_end_of_its_name_where_there_is_little_room():
    assert tail("classifier.optimizer.decay.kind") == "decay.kind"
    assert tail("batch_size") == "batch_size"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.org/x, p. 3", 'see <a href="https://a.org/x" rel="noreferrer">https://a.org/x</a>, p. 3'),
        ("(http://a.org)", '(<a href="http://a.org" rel="noreferrer">http://a.org</a>)'),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ('https://a.org/"><b>', '<a href="https://a.org/" rel="noreferrer">https://a.org/</a>&#34;&gt;&lt;b&gt;'),
    ],
)
def test_only_web_addresses_become_links(text, expected):
    assert linked(text) == expected

from __future__ import annotations

import re

from lab.report.strips import strip, strips


def test_a_strip_shows_each_seed_the_interval_and_the_target():
    drawn = strip([0.0, 50.0], (0.0, 50.0), 25.0, 100.0)
    # 0 to 100 with 8 % of air on either side lies on 2 to 118: one is 1 unit.
    assert re.findall(r'class="dot" cx="([\d.]+)"', drawn) == ["10.0", "60.0"]
    assert 'class="bar" x="10.0" y="9" width="50.0"' in drawn
    assert 'class="middle" x1="35.0"' in drawn
    assert 'class="target" x1="110.0"' in drawn
    assert 'aria-label="Seeds at 0, 50.00; target 100"' in drawn


def test_strips_of_several_arms_share_a_scale_and_point_to_what_lies_off_it():
    near, nearer, far = strips([([0.0, 100.0], None, 50.0), ([50.0], None, 50.0), ([-9e5], None, -9e5)])
    assert re.findall(r'class="dot" cx="([\d.]+)"', near) == ["10.0", "110.0"]
    assert re.findall(r'class="dot" cx="([\d.]+)"', nearer) == ["60.0"]
    assert re.findall(r'class="dot" (?:cx|d)="([^"]*)"', far) == ["M8.0 8v8l-6 -4Z"]  # at the left edge, to the left
    assert 'class="middle"' not in far

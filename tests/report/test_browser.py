"""The page in a real browser: Chromium and its driver, as Linux distributions package them."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roadseg.runs.run_dir import RunDir

selenium = pytest.importorskip("selenium")

from selenium.webdriver import Chrome, ChromeOptions, ChromeService  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None, reason="needs the programs chromium and chromedriver (apt: chromium-driver)"
    ),
]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Writes down what its pages say on the console, and what they ask for."""
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


Visit = Callable[..., Chrome]


@pytest.fixture(scope="module")
def written() -> list[Path]:
    """The report that the first test writes for all of them."""
    return []


@pytest.fixture
def visit(
    browser: Chrome, written: list[Path], make_run: Callable[..., RunDir], page_of: Callable[..., str], tmp_path: Path
) -> Visit:
    """Open a report about two arms at a width in pixels, in the light theme."""
    if not written:
        page_of({"first": [make_run("a", wrong=0.2)], "second <b>": [make_run("b", wrong=0.5, seed=1)]})
        written.append(tmp_path / "report" / "report.html")

    def visit(width: int = 1280) -> Chrome:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        light = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", light)
        for log in ("browser", "performance"):  # what came before is not the report's
            browser.get_log(log)
        browser.get(written[0].as_uri())
        return browser

    return visit


def texts(page: Chrome, selector: str) -> list[str]:
    found: list[str] = page.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", selector
    )
    return found


def js(page: Chrome, expression: str, *arguments: Any) -> Any:
    return page.execute_script(f"return {expression}", *arguments)


def click(page: Chrome, selector: str) -> None:
    page.execute_script("document.querySelector(arguments[0]).click()", selector)


@pytest.mark.parametrize("width", [390, 1600])
def test_it_loads_alone_and_fits(visit: Visit, width: int) -> None:
    page = visit(width)
    js(page, "Promise.all([...document.images].map(image => image.decode()))")
    assert [entry for entry in page.get_log("browser") if entry["level"] != "INFO"] == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {m["params"]["request"]["url"][:5] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert asked <= {"file:", "data:"}
    assert "file:" in asked
    assert js(page, "document.documentElement.scrollWidth") <= width
    assert js(page, "[...document.images].every(image => image.naturalWidth > 0)")


def test_a_phone_shows_whole_tables(visit: Visit) -> None:
    page = visit(390)
    page.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
    sheets = "[...document.querySelectorAll('.sheet')]"
    assert len(js(page, f"{sheets}.map(e => e.ariaLabel)")) >= 4
    assert js(page, f"{sheets}.filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)") == []
    marks = "[...document.querySelectorAll('.classes tbody tr:first-child .narrow')]"
    assert js(page, f"{marks}.map(e => e.getClientRects().length)") == [1, 1], "numbers say whose they are"
    assert js(visit(1280), f"{marks}.map(e => e.getClientRects().length)") == [0, 0], "the column's head does there"


def test_class_colors_are_told_before_the_first_picture(visit: Visit) -> None:
    page = visit()
    order = "document.querySelector('.legend').compareDocumentPosition(document.querySelector('.card'))"
    assert js(page, f"{order} & Node.DOCUMENT_POSITION_FOLLOWING") != 0


def test_the_theme_switches_and_arms_can_be_hidden(visit: Visit) -> None:
    page = visit()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = js(page, ground)
    click(page, ".theme")
    assert js(page, ground) != light
    click(page, ".theme")
    assert js(page, ground) == light
    click(page, "#curves [data-key='1']")
    hidden = js(page, "[...document.querySelectorAll('.arm.off')].map(e => e.dataset.arm)")
    assert set(hidden) == {"1"}
    assert len(hidden) > 3
    assert js(page, "document.querySelector(\"#classes [data-key='1']\").ariaPressed") == "false"


def test_classes_sort(visit: Visit) -> None:
    page = visit()
    names, shares = ".classes tbody th", ".classes tbody td:nth-of-type(1)"
    by_share = texts(page, names)
    click(page, ".classes th:first-child button")
    assert texts(page, names) == sorted(by_share)
    click(page, ".classes th:nth-child(4) button")
    values = [-1.0 if text == "–" else float(text) for text in texts(page, ".classes tbody td:nth-of-type(3)")]
    assert values == sorted(values, reverse=True)
    click(page, ".classes th:nth-child(2) button")
    assert texts(page, names) == by_share
    click(page, ".classes th:nth-child(2) button")
    assert texts(page, shares)[-1] != "0.0 %"
    assert js(page, "document.querySelector('.classes th[aria-sort]').ariaSort") == "ascending"


def test_images_are_filtered_sorted_and_blended(visit: Visit) -> None:
    page = visit()
    shown = ".card:not([hidden]) h3"
    everything = texts(page, shown)
    assert len(everything) == 4
    click(page, "input[value=worst]")
    assert texts(page, shown) == [name for name in everything if name in texts(page, ".card[data-kinds~=worst] h3")]
    assert len(texts(page, shown)) == 2
    click(page, "input[name=kind][value='']")
    for choice, key in (
        ("1", "Number(e.dataset.scores.split(' ')[1])"),
        ("difference", "Number(e.dataset.difference)"),
    ):
        page.execute_script(
            "const s = document.querySelector('select[name=sort]'); s.value = arguments[0]; "
            "s.dispatchEvent(new Event('change', { bubbles: true }))", choice
        )  # fmt: skip
        order = js(page, f"[...document.querySelectorAll('.card')].map(e => {key})")
        assert order == sorted(order, reverse=True)
        assert len(order) == 4
    slider = page.find_element(By.CSS_SELECTOR, ".tools input[name=blend]")
    slider.send_keys(Keys.HOME)
    opacity = "getComputedStyle(document.querySelector('.labels img')).opacity"
    assert js(page, opacity) == "0"
    slider.send_keys(Keys.ARROW_RIGHT)
    assert js(page, opacity) == "0.01"


def test_the_viewer_flips_layers_and_names_classes(visit: Visit) -> None:
    page = visit()
    names = texts(page, ".card h3")
    opener = page.find_element(By.CSS_SELECTOR, ".card .open")
    opener.send_keys(Keys.ENTER)
    assert js(page, "document.querySelector('#viewer').open")
    pressed = "#viewer .layers [aria-pressed=true]"
    assert texts(page, pressed) == ["3first"]
    keys = ActionChains(page)
    keys.send_keys("1").perform()
    assert texts(page, pressed) == ["1Photo"]
    keys.send_keys(Keys.ARROW_UP).perform()
    assert texts(page, pressed) == ["6second <b> · errors"]
    keys.send_keys("2").send_keys(Keys.ARROW_RIGHT).perform()
    assert texts(page, "#viewer-title") == [names[1]]
    assert texts(page, pressed) == ["2Truth"]
    keys.send_keys(Keys.ARROW_LEFT).perform()
    picture = page.find_element(By.CSS_SELECTOR, "#viewer .stage .layer")

    def pointed(_: Chrome) -> list[str]:
        ActionChains(page).move_to_element_with_offset(picture, 3, 5).move_by_offset(1, 1).perform()
        return texts(page, "#viewer .probe span:first-child")

    truth = WebDriverWait(page, 10).until(pointed)  # the labels are read in the background
    assert truth[0].removeprefix("truth ") in texts(page, ".classes tbody th")
    keys.send_keys(Keys.ESCAPE).perform()
    assert not js(page, "document.querySelector('#viewer').open")
    assert js(page, "document.activeElement.className") == "open"
    assert [entry for entry in page.get_log("browser") if entry["level"] != "INFO"] == []

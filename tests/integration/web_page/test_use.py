"""The page without a mouse, on a narrow screen, and in the dark."""

# The contrast of every text with what lies behind it, by WCAG 2: "text: ratio" where it is under 4.5.
FAINT = """() => {
  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const over = (colors) => { // painted one over the other
    context.clearRect(0, 0, 1, 1);
    for (const c of colors) { context.fillStyle = c; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = rgb => { const [r, g, b] = rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const faint = [];
  for (const e of document.querySelectorAll('body *')) {
    const text = e.placeholder ?? (e.tagName === 'OPTION' ? e.text : [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('').trim());
    if (!text || e.disabled || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue;
    const behind = [];
    for (let p = e; p; p = p.parentElement) behind.unshift(getComputedStyle(p).backgroundColor);
    const color = getComputedStyle(e, e.placeholder ? '::placeholder' : null).color;
    const [a, b] = [luminance(over(behind)), luminance(over([...behind, color]))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) faint.push(text + ': ' + ratio.toFixed(2));
  }
  return faint; }"""
# What stands out of the window, or of what it is in.
WIDE = """() => [...document.querySelectorAll('body, body *')].filter(e => e.getBoundingClientRect().right > innerWidth + .5
  || (e.scrollWidth > e.clientWidth + 1 && !['INPUT', 'SELECT', 'OPTION'].includes(e.tagName) && getComputedStyle(e).display !== 'inline')).map(e => e.outerHTML.slice(0, 120))"""
FOCUSED = """() => { const e = document.activeElement, s = getComputedStyle(e);
  return [e.id || e.tagName, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 && s.outlineColor !== getComputedStyle(document.documentElement).backgroundColor]; }"""


def test_tab_reaches_everything_and_focus_is_seen(visit, service):
    v = visit(service)
    v.choose("endless")
    v.send("Go on.")
    v.wait("() => !document.querySelector('#stop').disabled")
    v.page.focus("#model")
    reached = []
    for _ in range(8):
        name, seen = v.page.evaluate(FOCUSED)
        assert seen, name
        reached.append(name)
        v.page.keyboard.press("Tab")
    assert reached[:8] == ["model", "temperature", "key", "clear", "messages", "text", "stop", "ASIDE"]
    v.page.focus("#stop")
    v.page.keyboard.press("Space")
    v.wait_for_answer()
    v.page.keyboard.press("Tab")
    assert v.page.evaluate(FOCUSED) == ["send", True]


def test_a_chat_without_a_mouse(visit, service):
    v = visit(service)
    keyboard = v.page.keyboard
    assert v.page.evaluate("document.activeElement.id") == "text"
    v.page.focus("#model")
    keyboard.type("endless")
    v.page.focus("#text")
    height = v.page.locator("#text").bounding_box()["height"]
    keyboard.type("One line,")
    keyboard.press("Shift+Enter")
    keyboard.type("another.")
    assert v.page.input_value("#text") == "One line,\nanother." and v.page.locator(".message").count() == 0
    assert v.page.locator("#text").bounding_box()["height"] > height + 10
    keyboard.press("Enter")
    assert v.page.inner_text(".user") == "One line,\nanother." and v.page.input_value("#text") == ""
    assert v.page.locator("#text").bounding_box()["height"] == height
    keyboard.type("Too early.")
    keyboard.press("Enter")  # while an answer is written nothing is sent, and nothing lost
    assert v.page.input_value("#text") == "Too early." and v.page.locator(".user").count() == 1
    v.wait("() => document.querySelector('.assistant').textContent.length > 5")
    v.page.focus("#temperature")
    keyboard.press("Escape")
    assert v.wait_for_answer().inner_text().endswith("stopped")
    assert v.page.evaluate("document.activeElement.id") == "temperature"  # focus stays where the user is
    assert v.asked == [v.asked[0]] and v.asked[0]["model"] == "endless"
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.press("Enter")  # on "New chat"
    assert v.page.locator(".message").count() == 0


def test_nothing_is_sent_that_is_empty_or_being_composed(visit, service):
    v = visit(service)
    v.send("  \n ")
    v.page.fill("#text", "にほん")
    v.page.evaluate("document.querySelector('#text').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))")
    assert v.page.locator(".message").count() == 0 and v.page.input_value("#text") == "にほん"


def test_nothing_stands_out_of_a_narrow_window_or_a_wide_one(visit, service):
    v = visit(service)
    v.expected = ["status of 400"]

    def check():
        for width in 320, 640, 1280:
            v.page.set_viewport_size({"width": width, "height": 640})
            assert v.page.evaluate(WIDE) == [], width

    v.choose("endless")
    v.send("unbreakable" * 40 + "\n" + "word " * 40)
    v.wait("() => document.querySelector('.assistant').textContent.length > 20 && document.querySelectorAll('.actor').length > 5")
    check()
    v.page.keyboard.press("Escape")
    v.wait_for_answer()
    v.choose("brief")
    v.send("x" * 2000)
    v.page.wait_for_selector(".problem")
    check()
    field = v.page.locator("#text").bounding_box()  # the last width's
    assert field["y"] + field["height"] <= 640


def test_a_long_answer_scrolls_but_not_under_a_reader(visit, service):
    v = visit(service, viewport={"width": 320, "height": 640})
    v.choose("endless")
    v.send("Go on.\n" * 40)
    at_end = "() => { const m = document.querySelector('#messages'); return m.scrollHeight > m.clientHeight && m.scrollHeight - m.scrollTop - m.clientHeight < 80; }"
    v.wait("() => document.querySelector('.assistant').textContent.length > 200")
    assert v.page.evaluate(at_end) and v.page.evaluate("scrollY") == 0
    v.page.evaluate("document.querySelector('#messages').scrollTop = 0")
    length = v.page.evaluate("document.querySelector('.assistant').textContent.length")
    v.wait("length => document.querySelector('.assistant').textContent.length > length + 50", length)
    assert v.page.evaluate("document.querySelector('#messages').scrollTop") == 0
    v.page.keyboard.press("Escape")
    v.wait_for_answer()


def test_texts_can_be_read_in_the_light_and_in_the_dark(visit, service):
    v = visit(service)
    v.expected = ["status of 400"]
    v.choose("brief")
    v.send("Hello.")
    v.wait_for_answer()
    v.send("word " * 200)
    v.page.wait_for_selector(".problem")
    v.page.wait_for_selector("aside dd")
    background = "getComputedStyle(document.documentElement).backgroundColor.match(/[0-9]+/g).map(Number)"
    v.page.emulate_media(color_scheme="light")
    assert v.page.evaluate(FAINT) == [] and min(v.page.evaluate(background)) > 200
    v.page.emulate_media(color_scheme="dark")
    assert v.page.evaluate(FAINT) == [] and max(v.page.evaluate(background)) < 60

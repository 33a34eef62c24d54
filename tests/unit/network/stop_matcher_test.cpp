// Stop strings over token borders.
#include "network/stop_matcher.hpp"

#include <doctest/doctest.h>

using tokamak::network::stop_matcher;

TEST_CASE("a stop string is found across any cut of the text, and nothing of it is delivered") {
  const std::string text = "one two STOP three";
  for (std::size_t a = 0; a <= text.size(); ++a)
    for (std::size_t b = a; b <= text.size(); ++b) {
      stop_matcher m({"STOP", "never"});
      std::string out;
      std::optional<std::string> stop;
      for (const auto& part : {text.substr(0, a), text.substr(a, b - a), text.substr(b)}) {
        auto r = m.push(part);
        out += r.text;
        if (r.stop) stop = r.stop;
      }
      out += m.flush();
      CHECK(out == "one two ");
      CHECK(stop == "STOP");
    }
}

TEST_CASE("text that only begins like a stop string is delivered once that is known") {
  stop_matcher m({"###"});
  CHECK(m.push("a#").text == "a");
  CHECK(m.push("#b").text == "##b");
  CHECK(m.push("##").text == "");
  CHECK(m.flush() == "##");
}

TEST_CASE("the stop that ends first wins, of those that end together the longest") {
  stop_matcher m({"bc", "abc", "d"});
  const auto r = m.push("xabcd");
  CHECK(r.text == "x");
  CHECK(r.stop == "abc");
  CHECK(m.push("more").text == "");
}

TEST_CASE("without stop strings text passes through, and empty ones are ignored") {
  stop_matcher none, empty({""});
  CHECK(none.push("abc").text == "abc");
  CHECK(empty.push("abc").text == "abc");
}

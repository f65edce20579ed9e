#include "tools/evtail/format.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

using evtail::format_options;
using evtail::formatter;
using evtail::output_mode;
using nlohmann::json;
using namespace std::string_literals;

namespace {

// One event to show; a test changes the part that it is about.
struct sample {
    std::string topic = "md.trade.AAPL";
    std::string payload = "price=1";
    evbus::headers headers{};
    std::int64_t time = 1'795'167'000'123'456'789; // 2026-11-20T09:30:00.123456789Z
    evbus::seq_range seqs{17, 17};

    [[nodiscard]] evbus::event view() const {
        return evbus::event({.seqs = seqs,
                             .topic_hash = 0,
                             .published_ns = time,
                             .publisher = {evbus::member_no{5}, 2},
                             .topic = topic,
                             .payload = std::as_bytes(std::span(payload)),
                             .headers_block = headers.view().block()});
    }
    [[nodiscard]] std::string shown(format_options o, std::string_view publisher = "gateway") const {
        formatter f(o);
        std::string out;
        f.event(view(), publisher, out);
        return out;
    }
    [[nodiscard]] std::string shown(output_mode mode, std::string_view publisher = "gateway") const {
        return shown({.mode = mode, .zone = cli::zone::utc}, publisher);
    }
    [[nodiscard]] std::string templated(const char* text) const {
        return shown({.template_text = text, .zone = cli::zone::utc});
    }
};

std::string gap_in(output_mode mode) {
    const formatter f({.mode = mode});
    std::string out;
    f.gap({{3, 9}, evbus::gap_cause::overwritten, 7}, out);
    return out;
}

std::string refusal(const char* text) {
    try {
        formatter f({.template_text = text});
    } catch (const evbus::error& e) {
        CHECK(e.kind() == evbus::errc::bad_option);
        return e.what();
    }
    return {};
}

} // namespace

TEST_CASE("format: short, iso and hex begin with time, seq and topic") {
    const sample s;
    CHECK(s.shown(output_mode::short_) == "09:30:00.123456 17 md.trade.AAPL price=1\n");
    CHECK(s.shown(output_mode::iso) == "2026-11-20T09:30:00.123456789Z 17 md.trade.AAPL price=1\n");
    CHECK(s.shown(output_mode::hex) == "2026-11-20T09:30:00.123456789Z 17 md.trade.AAPL\n"
                                       "  00000000  70 72 69 63 65 3d 31                              |price=1|\n");
}

TEST_CASE("format: delta shows the time since the event before") {
    formatter f({.mode = output_mode::delta});
    sample s;
    std::string out;
    f.event(s.view(), "", out);
    s.time += 1'500'000'000;
    f.event(s.view(), "", out);
    s.time -= 10;
    f.event(s.view(), "", out);
    s.time = 0;
    f.event(s.view(), "", out);
    CHECK(out == "+0.000000000 17 md.trade.AAPL price=1\n+1.500000000 17 md.trade.AAPL price=1\n"
                 "-0.000000010 17 md.trade.AAPL price=1\n- 17 md.trade.AAPL price=1\n");
}

TEST_CASE("format: verbose shows everything, a line each") {
    sample s;
    s.headers.add("type", "trade").add("own", "a\nb");
    s.seqs = {15, 17};
    CHECK(s.shown(output_mode::verbose) == "seq 17 (from 15)\n"
                                           "  topic       md.trade.AAPL\n"
                                           "  time        2026-11-20T09:30:00.123456789Z\n"
                                           "  publisher   gateway (5.2)\n"
                                           "  header      type=trade\n"
                                           "  header      own=a\\nb\n"
                                           "  length      7\n"
                                           "  payload     price=1\n");
    s.payload = "\xff";
    CHECK(s.shown(output_mode::verbose).find("  00000000  ff ") != std::string::npos);
}

TEST_CASE("format: a payload cannot break its line or reach the terminal") {
    sample s;
    s.payload = "a\nb\x1b[2J\xff";
    CHECK(s.shown(output_mode::short_) == "09:30:00.123456 17 md.trade.AAPL a\\nb\\e[2J\\xff\n");
}

TEST_CASE("format: raw and cat are exact to the byte") {
    sample s;
    for (int byte = 0; byte < 256; ++byte) s.payload += static_cast<char>(byte);
    CHECK(s.shown(output_mode::raw) == s.payload);
    CHECK(s.shown(output_mode::cat) == s.payload + "\n");
    s.payload.clear();
    CHECK(s.shown(output_mode::raw) == "");
    CHECK(s.shown(output_mode::cat) == "\n");
}

TEST_CASE("format: colour only where it was asked for") {
    const sample s;
    CHECK(s.shown({.mode = output_mode::short_, .zone = cli::zone::utc, .colour = true}) ==
          "\x1b[2m09:30:00.123456\x1b[0m 17 \x1b[36mmd.trade.AAPL\x1b[0m price=1\n");
}

TEST_CASE("format: json is one object a line with everything in it") {
    sample s;
    s.headers.add("type", "trade").add("own", "x\"y");
    const std::string line = s.shown(output_mode::json);
    CHECK(line.back() == '\n');
    CHECK(line.find('\n') == line.size() - 1);
    const json j = json::parse(line);
    CHECK(j == json{{"seq", "17"},
                    {"topic", "md.trade.AAPL"},
                    {"time", "2026-11-20T09:30:00.123456789Z"},
                    {"time_ns", "1795167000123456789"},
                    {"publisher", "gateway"},
                    {"headers", {{"type", "trade"}, {"own", "x\"y"}}},
                    {"payload", "price=1"}});
}

TEST_CASE("format: json without name, headers or stamp") {
    sample s;
    s.time = 0;
    const json j = json::parse(s.shown(output_mode::json, ""));
    CHECK(j["publisher"] == "5.2");
    CHECK(j["headers"] == json::object());
    CHECK(j["time"].is_null());
    CHECK(j["time_ns"] == "0");
}

TEST_CASE("format: json gives back every payload") {
    sample s;
    s.payload = "\0\x1b\"\\\n\xc2\x9b\xe2\x80\xa8 caf\xc3\xa9 \xf0\x9f\x98\x80"s;
    CHECK(json::parse(s.shown(output_mode::json))["payload"] == s.payload);
    s.payload = "fo\xff";
    const json j = json::parse(s.shown(output_mode::json));
    CHECK(j["payload_b64"] == "Zm//");
    CHECK_FALSE(j.contains("payload"));
    s.payload.clear();
    CHECK(json::parse(s.shown(output_mode::json))["payload"] == "");
}

TEST_CASE("format: json loses no header, repeated or binary") {
    sample s;
    s.headers.add("k", "1").add("other", "x").add("k", "2").add("bin", "\xff");
    const json j = json::parse(s.shown(output_mode::json));
    CHECK(j["headers"] == json{{"k", {"1", "2"}}, {"other", "x"}});
    CHECK(j["headers_b64"] == json{{"bin", "/w=="}});
}

TEST_CASE("format: gaps stand in their place, save where the output is payload alone") {
    CHECK(json::parse(gap_in(output_mode::json)) ==
          json{{"gap", {{"from", "3"}, {"to", "9"}, {"cause", "overwritten"}}}});
    for (const output_mode mode : {output_mode::short_, output_mode::iso, output_mode::verbose, output_mode::hex})
        CHECK(gap_in(mode) == "-- gap 3..9 (7): overwritten --\n");
    CHECK(gap_in(output_mode::raw).empty());
    CHECK(gap_in(output_mode::cat).empty());
}

TEST_CASE("format: a template has every part of an event") {
    sample s;
    s.headers.add("type", "trade").add("k", "v");
    CHECK(s.templated("%s|%t|%T|%n|%P|%h|%l|%p|%x|%%") ==
          "17|md.trade.AAPL|2026-11-20T09:30:00.123456789Z|1795167000123456789|gateway|type=trade,k=v|7|price=1|"
          "70726963653d31|%\n");
}

TEST_CASE("format: a template ends the line itself only if it ends in an escape") {
    const sample s;
    CHECK(s.templated("%s") == "17\n");
    CHECK(s.templated("%s\\n") == "17\n");
    CHECK(s.templated("%s\\0") == "17\0"s);
    CHECK(s.templated("%s\\c") == "17");
    CHECK(s.templated("%s\\x0a") == "17\n");
    CHECK(s.templated("\\t%s\\\\%s") == "\t17\\17\n");
    CHECK(s.templated("") == "\n");
}

TEST_CASE("format: a template's payload is exact to the byte") {
    sample s;
    s.payload = "\0\x1b\xff"s;
    CHECK(s.templated("%p\\c") == s.payload);
}

TEST_CASE("format: a bad template is refused at its place") {
    CHECK(refusal("%s %q").find("an unknown '%q' at character 4") != std::string::npos);
    CHECK(refusal("%").find("without a letter") != std::string::npos);
    CHECK(refusal("a\\").find("without a letter") != std::string::npos);
    CHECK(refusal("\\q").find("unknown '\\q'") != std::string::npos);
    CHECK(refusal("\\xg0").find("two hex digits") != std::string::npos);
    CHECK(refusal("\\x1").find("two hex digits") != std::string::npos);
    CHECK(refusal("\\c%s").find("not last") != std::string::npos);
}

TEST_CASE("format: the words of -o name every mode once") {
    CHECK(evtail::output_modes().size() == 8);
    for (const auto& mode : evtail::output_modes()) CHECK(static_cast<std::size_t>(mode.second) < 8);
}

TEST_CASE("format: it is fast enough to follow a busy bus") {
    const sample s;
    formatter f({.mode = output_mode::json, .zone = cli::zone::utc});
    std::string out;
    constexpr int lines = 20000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < lines; ++i) {
        out.clear();
        f.event(s.view(), "gateway", out);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    MESSAGE(static_cast<long>(lines / took.count()), " JSON lines a second");
    CHECK(took.count() < 5); // a bound against accidents alone; machines are noisy
}

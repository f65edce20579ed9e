#include "tools/cli/keep_flags.hpp"

#include <evbus/error.hpp>

#include <charconv>

namespace cli {

namespace {

constexpr const char* want = "want a share of the file system below 100%, such as 10%, or a size, such as 50G; 0 is no limit";

} // namespace

evbus::log::free_limit parse_free_limit(std::string_view text) {
    if (!text.ends_with('%')) return {.bytes = parse_size(text)};
    std::string_view number = text.substr(0, text.size() - 1);
    while (number.ends_with(' ')) number.remove_suffix(1);
    double percent = 0;
    const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), percent, std::chars_format::fixed);
    if (fault != std::errc{} || end != number.data() + number.size() || !(percent >= 0 && percent < 100))
        throw evbus::error(evbus::errc::bad_option, {"", std::string(text), want});
    return {.percent = percent};
}

std::string format_free_limit(const evbus::log::free_limit& f) {
    if (f.percent <= 0) return std::to_string(f.bytes);
    char text[32];
    const auto [end, fault] = std::to_chars(text, text + sizeof text, f.percent, std::chars_format::fixed);
    return fault == std::errc{} ? std::string(text, end) + "%" : "?";
}

command& add_keep_flags(command& cmd, evbus::log::retention_limits& keep) {
    cmd.size("--keep-bytes", keep.bytes, "delete the oldest segments as soon as the log takes more than this");
    cmd.duration("--keep-age", keep.age, "delete segments in which nothing is younger than this");
    cmd.count("--keep-segments", keep.segments, "keep so many segments, the newest included", {1, std::uint64_t{1} << 40});
    return cmd.option("--keep-free", "P%|SIZE",
                      "delete the oldest segments when less than this of the file system is free; 0: do not look",
                      [&keep](const std::string& s) { keep.free = parse_free_limit(s); });
}

void check_keep_flags(const evbus::log::retention_limits& keep, std::uint64_t segment_bytes) {
    if (keep.bytes && *keep.bytes < segment_bytes)
        throw evbus::error(evbus::errc::bad_option,
                           {"", "--keep-bytes " + format_size(*keep.bytes),
                            "the newest segment always stays and may grow to " + format_size(segment_bytes),
                            "keep more, or make segments smaller with --segment-bytes"});
}

} // namespace cli

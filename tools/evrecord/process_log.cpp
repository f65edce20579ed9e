#include "tools/evrecord/process_log.hpp"

#include "tools/cli/escape.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

namespace evrecord {
namespace {

// Names that somebody else chose must not move the cursor of a terminal or begin lines of their own.
std::string printable(const std::string& text) {
    std::string out;
    cli::append_printable(out, text);
    return out;
}

} // namespace

void begin_log(bool quiet) {
    // spdlog colours by itself on a terminal; NO_COLOR is ours to honour.
    const char* const no_color = std::getenv("NO_COLOR");
    const auto mode = no_color != nullptr && *no_color != '\0' ? spdlog::color_mode::never : spdlog::color_mode::automatic;
    auto log = spdlog::stderr_color_mt("evrecord", mode);
    log->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %^%l%$: %v");
    log->flush_on(spdlog::level::trace);
    if (quiet) log->set_level(spdlog::level::warn);
    spdlog::set_default_logger(std::move(log));
}

void say(const std::string& text) { spdlog::info("{}", printable(text)); }
void warn(const std::string& text) { spdlog::warn("{}", printable(text)); }
void fail(const std::string& text) { spdlog::error("{}", printable(text)); }

void say(const evbus::notice& n) {
    switch (n.kind) {
    case evbus::notice_kind::degraded:
    case evbus::notice_kind::clock_fallback:
    case evbus::notice_kind::pacing_verdict: return warn(n.text);
    default: return say(std::string(to_string(n.kind)) + ": " + n.text);
    }
}

} // namespace evrecord

#include "tools/evrecord/process_log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

namespace evrecord {

void begin_log(bool quiet) {
    // spdlog colours by itself on a terminal; NO_COLOR is ours to honour.
    const auto mode = std::getenv("NO_COLOR") != nullptr ? spdlog::color_mode::never : spdlog::color_mode::automatic;
    auto log = spdlog::stderr_color_mt("evrecord", mode);
    log->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %^%l%$: %v");
    log->flush_on(spdlog::level::trace);
    if (quiet) log->set_level(spdlog::level::warn);
    spdlog::set_default_logger(std::move(log));
}

void say(const std::string& text) { spdlog::info("{}", text); }
void warn(const std::string& text) { spdlog::warn("{}", text); }
void fail(const std::string& text) { spdlog::error("{}", text); }

void say(const evbus::notice& n) {
    switch (n.kind) {
    case evbus::notice_kind::degraded:
    case evbus::notice_kind::clock_fallback:
    case evbus::notice_kind::pacing_verdict: return warn(n.text);
    default: return say(std::string(to_string(n.kind)) + ": " + n.text);
    }
}

} // namespace evrecord

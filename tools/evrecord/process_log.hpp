// evrecord's own log: lines with time and level on stderr, for a terminal or a service manager.
#pragma once

#include <evbus/notice.hpp>

#include <string>

namespace evrecord {

/// Call once, before anything is said. `quiet` keeps warnings and errors only.
void begin_log(bool quiet);

void say(const std::string& text);
void warn(const std::string& text);
void fail(const std::string& text);

/// What the library noticed, at the level that fits its kind.
void say(const evbus::notice& n);

} // namespace evrecord

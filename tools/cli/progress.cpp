#include "tools/cli/progress.hpp"

#include "tools/cli/terminal.hpp"
#include "tools/cli/units.hpp"

#include <algorithm>
#include <utility>

#include <unistd.h>

namespace cli {
namespace {

void write_all(const std::string& text) {
    // A terminal that went away is no reason to stop the work.
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

} // namespace

progress::progress(std::string tool) : tool_(std::move(tool)), on_(::isatty(STDERR_FILENO) == 1) {}
progress::~progress() { clear(); }

void progress::show(std::uint64_t bytes, std::uint64_t total, const std::string& what) {
    const auto now = clock::now();
    if (!on_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    const double seconds = std::max(0.001, std::chrono::duration<double>(now - began_).count());
    const double rate = static_cast<double>(bytes) / seconds;
    std::string text = tool_ + ": " + format_size(bytes);
    if (total != 0) {
        const double part = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total));
        text += " of " + format_size(total) + " (" + std::to_string(static_cast<int>(part * 100)) + " %)";
        if (rate > 0 && bytes <= total) {
            const auto left = static_cast<std::int64_t>(static_cast<double>(total - bytes) / rate);
            text += ", " + format_size(static_cast<std::uint64_t>(rate)) + "/s, " + format_duration(std::chrono::seconds(left)) + " left";
        }
    } else {
        text += ", " + format_size(static_cast<std::uint64_t>(rate)) + "/s";
    }
    if (!what.empty()) text += ", " + what;
    // A line that wraps could not be wiped out.
    const std::size_t wide = columns(STDERR_FILENO);
    if (wide > 1 && text.size() >= wide) text.resize(wide - 1);
    write_all("\r\x1b[K" + text);
    shown_ = true;
}

void progress::clear() {
    if (std::exchange(shown_, false)) write_all("\r\x1b[K");
}

} // namespace cli

// Header values that an event must have. Headers stand in an event's first frame alone: whether a large
// event is wanted is known there, and frames whose beginning is not at hand belong to nobody.
#pragma once

#include <evbus/error.hpp>
#include <evbus/frame.hpp>
#include <evbus/headers.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {

/// Threads may share one that is complete. Empty, it lets everything pass.
class header_filter {
public:
    struct wanted {
        std::string key;
        std::string value;
        friend bool operator==(const wanted&, const wanted&) = default;
    };

    header_filter() = default;
    explicit header_filter(const std::vector<wanted>& all) {
        for (const wanted& w : all) add(w.key, w.value);
    }
    /// One more that must be there. Throws errc::bad_option for a key that is empty or over 255 bytes.
    header_filter& add(std::string key, std::string value) {
        if (key.empty() || key.size() > 255)
            throw error(errc::bad_option, {"filter by header", "'" + key + "'", "a key has 1-255 bytes"});
        all_.push_back({std::move(key), std::move(value)});
        return *this;
    }

    [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
    [[nodiscard]] const std::vector<wanted>& all() const noexcept { return all_; }

    /// True when each key stands there with its value. A key may stand there more than once.
    [[nodiscard]] bool matches(headers_view headers) const noexcept {
        for (const wanted& w : all_)
            if (!has(headers, w)) return false;
        return true;
    }
    /// The same of a frame; true for a later part of an event, which says nothing of its headers.
    [[nodiscard]] bool lets_pass(const frame_view& f) const noexcept {
        return !f.is_first() || matches(headers_view(f.headers_block));
    }

    friend bool operator==(const header_filter&, const header_filter&) = default;

private:
    [[nodiscard]] static bool has(headers_view headers, const wanted& w) noexcept {
        for (const header& h : headers)
            if (h.key == w.key && h.value == w.value) return true;
        return false;
    }

    std::vector<wanted> all_;
};

} // namespace v1
} // namespace evbus

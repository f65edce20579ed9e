// Topics: 1-127 bytes of UTF-8, tokens separated by '.', checked and hashed once.
#pragma once

#include <evbus/detail/hash.hpp>
#include <evbus/detail/utf8.hpp>
#include <evbus/error.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace evbus {
inline namespace v1 {

inline constexpr std::size_t max_topic_bytes = 127;

/// Why a topic is refused; `none` when it is fine.
enum class topic_fault : std::uint8_t { none, empty, too_long, empty_token, wildcard, control_or_space, not_utf8 };

[[nodiscard]] constexpr const char* to_string(topic_fault f) noexcept {
    switch (f) {
    case topic_fault::none: return "fine";
    case topic_fault::empty: return "is empty";
    case topic_fault::too_long: return "is longer than 127 bytes";
    case topic_fault::empty_token: return "has an empty token (a dot at an end, or two in a row)";
    case topic_fault::wildcard: return "contains a wildcard ('*' or '>')";
    case topic_fault::control_or_space: return "contains a space or a control character";
    case topic_fault::not_utf8: return "is not valid UTF-8";
    }
    return "?";
}

namespace detail {

/// The rules that topics and filters share; wildcards are the caller's business.
[[nodiscard]] inline topic_fault check_tokens(std::string_view text) noexcept {
    if (text.empty()) return topic_fault::empty;
    if (text.size() > max_topic_bytes) return topic_fault::too_long;
    bool at_token_start = true;
    bool ascii = true;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte == 0x7f) return topic_fault::control_or_space;
        if (byte >= 0x80) ascii = false;
        if (c == '.' && at_token_start) return topic_fault::empty_token;
        at_token_start = c == '.';
    }
    if (at_token_start) return topic_fault::empty_token;
    if (ascii) return topic_fault::none;
    if (!is_utf8(text)) return topic_fault::not_utf8;
    // The control characters above ASCII: U+0080 to U+009F.
    for (std::size_t i = 0; i + 1 < text.size(); ++i)
        if (static_cast<unsigned char>(text[i]) == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0)
            return topic_fault::control_or_space;
    return topic_fault::none;
}

} // namespace detail

/// Checks `text` against every topic rule. Never throws.
[[nodiscard]] inline topic_fault check_topic(std::string_view text) noexcept {
    if (text.find_first_of("*>") != std::string_view::npos) return topic_fault::wildcard;
    return detail::check_tokens(text);
}

/// The hash that stands in every frame of this topic.
[[nodiscard]] inline std::uint64_t topic_hash(std::string_view text) noexcept {
    return detail::xxh3(text.data(), text.size());
}

/// A checked topic, ready to be copied into a slot. Immutable: threads may share it.
class topic {
public:
    /// Throws errc::bad_topic when `text` breaks a rule.
    explicit topic(std::string_view text) {
        if (const topic_fault fault = check_topic(text); fault != topic_fault::none)
            throw error(errc::bad_topic, {"use topic", "'" + std::string(text) + "'", to_string(fault),
                                          "a topic is 1-127 bytes of UTF-8, tokens separated by single dots"});
        size_ = static_cast<std::uint8_t>(text.size());
        std::memcpy(words_.data(), text.data(), text.size());
        hash_ = topic_hash(text);
    }

    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(words_.data()), size_};
    }
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
    /// The text, zero-padded to whole words, as it stands in a slot.
    [[nodiscard]] std::span<const std::uint64_t> words() const noexcept {
        return {words_.data(), (size_ + std::size_t{7}) / 8};
    }

private:
    std::array<std::uint64_t, 16> words_{};
    std::uint64_t hash_ = 0;
    std::uint8_t size_ = 0;
};

} // namespace v1
} // namespace evbus

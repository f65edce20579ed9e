// The optional headers of an event: a few key/value pairs beside the payload.
//
// Block: headers_prefix, then entries {code u8, key_len u8, value_len u16, key, value}, then zeros
// to a multiple of 8. A known key is its code alone (key_len 0); code 0 spells the key out.
#pragma once

#include <evbus/error.hpp>
#include <evbus/frame.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {

/// Keys that evbus knows; they stand in a block as one byte.
namespace header_key {
inline constexpr std::string_view correlation_id = "correlation-id";
inline constexpr std::string_view causation_id = "causation-id";
inline constexpr std::string_view type = "type";
inline constexpr std::string_view content_type = "content-type";
/// When it happened, ns since 1970 in decimal, beside the publish time.
inline constexpr std::string_view origin_time = "origin-time";
} // namespace header_key

inline constexpr std::size_t max_headers_block = 4096;

namespace detail {

inline constexpr std::string_view known_header_keys[] = {{}, header_key::correlation_id, header_key::causation_id,
                                                         header_key::type, header_key::content_type,
                                                         header_key::origin_time};

struct header_entry_prefix {
    std::uint8_t code;
    std::uint8_t key_len;
    std::uint16_t value_len;
};
static_assert(sizeof(header_entry_prefix) == 4);

[[nodiscard]] constexpr std::uint8_t header_code(std::string_view key) noexcept {
    for (std::uint8_t i = 1; i < std::size(known_header_keys); ++i)
        if (known_header_keys[i] == key) return i;
    return 0;
}

} // namespace detail

struct header {
    std::string_view key;
    std::string_view value;
};

/// Reads a headers block in place; valid as long as the bytes it points into.
class headers_view {
public:
    headers_view() = default;
    /// Any bytes: what does not parse ends the walk, and is_whole() says so.
    explicit headers_view(std::span<const std::byte> block) noexcept : block_(block) {}

    class iterator {
    public:
        using value_type = header;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        header operator*() const noexcept { return current_; }
        iterator& operator++() noexcept {
            read();
            return *this;
        }
        iterator operator++(int) noexcept {
            iterator before = *this;
            read();
            return before;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.left_ == b.left_; }

    private:
        friend class headers_view;
        iterator(std::span<const std::byte> rest, std::uint16_t count) noexcept
            : rest_(rest), left_(std::uint32_t{count} + 1) {
            read();
        }

        void read() noexcept {
            if (--left_ == 0) return;
            detail::header_entry_prefix prefix;
            if (rest_.size() < sizeof prefix) return stop();
            std::memcpy(&prefix, rest_.data(), sizeof prefix);
            const std::size_t bytes = sizeof prefix + prefix.key_len + prefix.value_len;
            if (rest_.size() < bytes || prefix.code >= std::size(detail::known_header_keys) ||
                (prefix.code == 0) == (prefix.key_len == 0))
                return stop();
            const char* text = reinterpret_cast<const char*>(rest_.data()) + sizeof prefix;
            current_.key = prefix.code != 0 ? detail::known_header_keys[prefix.code]
                                            : std::string_view(text, prefix.key_len);
            current_.value = {text + prefix.key_len, prefix.value_len};
            rest_ = rest_.subspan(bytes);
        }
        void stop() noexcept {
            left_ = 0;
            broken_ = true;
        }

        std::span<const std::byte> rest_{};
        header current_{};
        std::uint32_t left_ = 0; ///< entries still to give, this one included
        bool broken_ = false;
    };

    [[nodiscard]] iterator begin() const noexcept {
        if (block_.size() < sizeof(headers_prefix)) return {};
        headers_prefix prefix;
        std::memcpy(&prefix, block_.data(), sizeof prefix);
        return {block_.subspan(sizeof prefix), prefix.count};
    }
    [[nodiscard]] iterator end() const noexcept { return {}; }
    [[nodiscard]] bool empty() const noexcept { return begin() == end(); }

    /// The first value under `key`.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const noexcept {
        for (const header& h : *this)
            if (h.key == key) return h.value;
        return std::nullopt;
    }
    /// The origin-time header as ns since 1970, when there is a well-formed one.
    [[nodiscard]] std::optional<std::int64_t> origin_time() const noexcept {
        const auto text = find(header_key::origin_time);
        std::int64_t ns = 0;
        if (!text) return std::nullopt;
        const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), ns);
        if (fault != std::errc{} || end != text->data() + text->size()) return std::nullopt;
        return ns;
    }
    /// True when the prefix tells the block's size, every entry is inside and only zeros follow.
    [[nodiscard]] bool is_whole() const noexcept {
        if (block_.empty()) return true;
        headers_prefix prefix;
        if (block_.size() < sizeof prefix) return false;
        std::memcpy(&prefix, block_.data(), sizeof prefix);
        if (prefix.bytes != block_.size() || prefix.reserved != 0) return false;
        iterator it = begin();
        while (it.left_ != 0) ++it;
        if (it.broken_ || it.rest_.size() >= 8) return false;
        for (std::byte b : it.rest_)
            if (b != std::byte{0}) return false;
        return true;
    }
    [[nodiscard]] std::span<const std::byte> block() const noexcept { return block_; }

private:
    std::span<const std::byte> block_{};
};

/// Builds a headers block. Allocates: build it outside the hot path and publish it many times.
class headers {
public:
    headers() = default;
    headers(std::initializer_list<header> entries) {
        for (const header& h : entries) add(h.key, h.value);
    }

    /// Appends one pair. Throws errc::bad_option for an empty or over-long key (255 bytes), and
    /// errc::too_large when the block would pass 4,096 bytes.
    headers& add(std::string_view key, std::string_view value) {
        const std::uint8_t code = detail::header_code(key);
        if (key.empty() || key.size() > 255)
            throw error(errc::bad_option, {"add header", "'" + std::string(key) + "'", "a key has 1-255 bytes"});
        const std::size_t key_len = code != 0 ? 0 : key.size();
        if (used_ + sizeof(detail::header_entry_prefix) + key_len + value.size() > max_headers_block)
            throw error(errc::too_large, {"add header", "'" + std::string(key) + "'",
                                          "the headers of one event would pass 4,096 bytes",
                                          "carry large values in the payload"});
        const detail::header_entry_prefix prefix{code, static_cast<std::uint8_t>(key_len),
                                                 static_cast<std::uint16_t>(value.size())};
        append(&prefix, sizeof prefix);
        append(key.data(), key_len);
        append(value.data(), value.size());
        ++count_;
        const headers_prefix head{static_cast<std::uint16_t>(padded8(used_)), count_, 0};
        std::memcpy(words_.data(), &head, sizeof head);
        return *this;
    }
    headers& origin_time(std::int64_t ns) { return add(header_key::origin_time, std::to_string(ns)); }

    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    /// The block as it goes into a frame, a multiple of 8 bytes; empty without entries.
    [[nodiscard]] std::span<const std::uint64_t> words() const noexcept {
        return {words_.data(), count_ == 0 ? 0 : padded8(used_) / 8};
    }
    /// A view for publish_options; valid as long as this object, until add().
    operator headers_view() const noexcept { return view(); }
    [[nodiscard]] headers_view view() const noexcept { return headers_view(std::as_bytes(words())); }

private:
    void append(const void* data, std::size_t size) {
        words_.resize(padded8(used_ + size) / 8);
        if (size != 0) std::memcpy(reinterpret_cast<std::byte*>(words_.data()) + used_, data, size);
        used_ += size;
    }

    std::vector<std::uint64_t> words_ = std::vector<std::uint64_t>(1);
    std::size_t used_ = sizeof(headers_prefix);
    std::uint16_t count_ = 0;
};

} // namespace v1
} // namespace evbus

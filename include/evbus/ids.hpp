// The identities of evbus, as types that do not convert into each other by accident.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace evbus {
inline namespace v1 {

/// Position of a frame in the one order of its bus; the same in ring and log.
/// Starts at 1; 0 means "none". Never used twice under one bus_id.
using seq_t = std::uint64_t;

inline constexpr seq_t no_seq = 0;
inline constexpr seq_t max_seq = std::numeric_limits<seq_t>::max();

/// An inclusive range of seqs; empty when last < first, and as it is made.
struct seq_range {
    seq_t first = no_seq;
    seq_t last = no_seq;

    [[nodiscard]] constexpr std::uint64_t count() const noexcept {
        return first == no_seq || last < first ? 0 : last - first + 1;
    }
    [[nodiscard]] constexpr bool contains(seq_t s) const noexcept { return first <= s && s <= last; }
    friend constexpr bool operator==(const seq_range&, const seq_range&) = default;
};

/// 128 random bits, made when a log (or a bus without one) begins, kept by ring and log.
struct bus_id {
    std::array<std::uint64_t, 2> words{};

    [[nodiscard]] constexpr bool empty() const noexcept { return words[0] == 0 && words[1] == 0; }
    /// Seed of every checksum in the log, so that bytes of another bus never pass.
    [[nodiscard]] constexpr std::uint64_t seed() const noexcept { return words[0] ^ words[1]; }
    friend constexpr bool operator==(const bus_id&, const bus_id&) = default;
};

/// 32 lower-case hex digits.
[[nodiscard]] std::string to_string(const bus_id& id);
/// The reverse; an empty id when `text` is not exactly 32 hex digits.
[[nodiscard]] bus_id parse_bus_id(std::string_view text) noexcept;

/// One creation of the ring: 64 random bits, never 0.
enum class epoch_t : std::uint64_t { none = 0 };

/// 16 lower-case hex digits, as in the name of the control object.
[[nodiscard]] std::string to_string(epoch_t epoch);

/// Number of a participant of the ring: 1..4095 publishers, 4096..8191 everybody else. 0 is nobody.
enum class member_no : std::uint16_t { nobody = 0 };

inline constexpr std::uint16_t max_publishers = 4095;
inline constexpr std::uint16_t first_reader_no = 4096;
inline constexpr std::uint16_t member_count = 8192;

[[nodiscard]] constexpr std::uint16_t to_u16(member_no n) noexcept { return static_cast<std::uint16_t>(n); }

/// Who published: a participant's number and which of that number's lives it was.
struct publisher_id {
    member_no number = member_no::nobody;
    std::uint16_t incarnation = 0;

    friend constexpr auto operator<=>(const publisher_id&, const publisher_id&) = default;
};

namespace detail {

inline std::string hex64(std::uint64_t value) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out(16, '0');
    for (std::size_t i = 16; i-- > 0; value >>= 4) out[i] = digits[value & 15];
    return out;
}

/// False when `text` holds anything but 1..16 hex digits.
inline bool parse_hex64(std::string_view text, std::uint64_t& value) noexcept {
    if (text.empty() || text.size() > 16) return false;
    value = 0;
    for (char c : text) {
        unsigned digit = 0;
        if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
        else return false;
        value = value << 4 | digit;
    }
    return true;
}

} // namespace detail

inline std::string to_string(const bus_id& id) { return detail::hex64(id.words[0]) + detail::hex64(id.words[1]); }

inline bus_id parse_bus_id(std::string_view text) noexcept {
    bus_id id;
    if (text.size() != 32 || !detail::parse_hex64(text.substr(0, 16), id.words[0]) ||
        !detail::parse_hex64(text.substr(16), id.words[1]))
        return {};
    return id;
}

inline std::string to_string(epoch_t epoch) { return detail::hex64(static_cast<std::uint64_t>(epoch)); }

} // namespace v1
} // namespace evbus

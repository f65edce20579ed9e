// Building and parsing records: prefix, body, zeros to a multiple of 8. EVENT and FRAGMENT bodies
// are the bytes of a frame (frame.hpp) with the seq in its first word and its time in ns.
#pragma once

#include <evbus/event.hpp>
#include <evbus/frame.hpp>
#include <evbus/ids.hpp>
#include <evbus/log/format.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace evbus {
inline namespace v1 {
namespace log {

/// Longest name of a MEMBER record and label of an ANCHOR; longer ones are cut.
inline constexpr std::size_t max_record_text = 255;

enum class member_change : std::uint8_t { joined = 1, left = 2 };
enum class run_change : std::uint8_t { start = 1, end = 2 };

/// A participant came or went. `name` points into the caller's bytes.
struct member_info {
    member_no number = member_no::nobody;
    std::uint16_t incarnation = 0;
    member_change what = member_change::joined;
    std::uint32_t pid = 0;
    std::int64_t time_ns = 0;
    std::string_view name{};
};

/// A recorder's run began or ended.
struct run_info {
    std::uint64_t run = 0; ///< as in the manifest's name, 16 hex digits
    run_change what = run_change::start;
    std::int64_t time_ns = 0;
};

/// The state before `seq` is kept elsewhere, under `label`. One without `walk_from` and hash is written in a
/// shorter form.
struct anchor_info {
    seq_t seq = no_seq; ///< the first seq after the anchor
    std::int64_t time_ns = 0;
    std::string_view label{};
    seq_t walk_from = no_seq; ///< reading begins here, at an event that was not whole at `seq`; no_seq: at `seq`
    std::optional<std::uint64_t> content_hash{};
};

/// One record of a checked body, still undecoded.
struct raw_record {
    record_kind kind{};
    std::uint8_t flags = 0;
    std::span<const std::byte> body{};
};

/// Takes the record at the front of `bytes` off; false when its length makes no sense. Unknown
/// kinds come out as they are: who reads skips them.
[[nodiscard]] inline bool take_record(std::span<const std::byte>& bytes, raw_record& out) noexcept {
    record_prefix prefix;
    if (bytes.size() < sizeof prefix) return false;
    std::memcpy(&prefix, bytes.data(), sizeof prefix);
    if (prefix.bytes < sizeof prefix || prefix.bytes % 8 != 0 || prefix.bytes > bytes.size()) return false;
    out = {static_cast<record_kind>(prefix.kind), prefix.flags,
           bytes.subspan(sizeof prefix, prefix.bytes - sizeof prefix)};
    bytes = bytes.subspan(prefix.bytes);
    return true;
}

namespace detail {

template <class Body>
[[nodiscard]] bool load(std::span<const std::byte> bytes, Body& out) noexcept {
    if (bytes.size() < sizeof out) return false;
    std::memcpy(&out, bytes.data(), sizeof out);
    return true;
}

/// Text that follows a fixed part of `at` bytes.
[[nodiscard]] inline bool text_after(std::span<const std::byte> bytes, std::size_t at, std::size_t size,
                                     std::string_view& out) noexcept {
    if (bytes.size() < at || bytes.size() - at < size) return false;
    out = {reinterpret_cast<const char*>(bytes.data() + at), size};
    return true;
}

} // namespace detail

/// Range of a VOID, LOST or DAMAGE record; `cause` is damage except in LOST. False when malformed.
[[nodiscard]] inline bool parse_range(const raw_record& r, seq_range& range, gap_cause& cause) noexcept {
    range_body body;
    cause = gap_cause::damage;
    if (!detail::load(r.body, body)) return false;
    if (r.kind == record_kind::lost) {
        lost_body lost;
        if (!detail::load(r.body, lost)) return false;
        cause = static_cast<gap_cause>(lost.cause);
    }
    range = {body.first, body.last};
    return body.first != no_seq && body.first <= body.last;
}

[[nodiscard]] inline bool parse_member(const raw_record& r, member_info& out) noexcept {
    member_body body;
    if (!detail::load(r.body, body)) return false;
    out = {static_cast<member_no>(body.number), body.incarnation, static_cast<member_change>(body.what),
           body.pid, body.time_ns, {}};
    return detail::text_after(r.body, sizeof body, body.name_bytes, out.name);
}

[[nodiscard]] inline bool parse_run(const raw_record& r, run_info& out) noexcept {
    run_body body;
    if (!detail::load(r.body, body)) return false;
    out = {body.run, static_cast<run_change>(body.what), body.time_ns};
    return true;
}

[[nodiscard]] inline bool parse_anchor(const raw_record& r, anchor_info& out) noexcept {
    if ((r.flags & record_flags::full_anchor) != 0) {
        full_anchor_body body;
        if (!detail::load(r.body, body)) return false;
        out = {body.seq, body.time_ns, {}, body.walk_from, {}};
        if ((r.flags & record_flags::hashed_anchor) != 0) out.content_hash = body.content_hash;
        return detail::text_after(r.body, sizeof body, body.label_bytes, out.label);
    }
    anchor_body body;
    if (!detail::load(r.body, body)) return false;
    out = {body.seq, body.time_ns, {}, no_seq, {}};
    return detail::text_after(r.body, sizeof body, body.label_bytes, out.label);
}

/// Writes a record of a fixed body and text to `at`, which has room for record_bytes() of it.
[[nodiscard]] constexpr std::size_t record_bytes(std::size_t body, std::size_t text = 0) noexcept {
    return sizeof(record_prefix) + body + padded8(text);
}

template <class Body>
void put_record(std::byte* at, record_kind kind, const Body& body, std::string_view text = {},
                std::uint8_t flags = 0) noexcept {
    const std::size_t bytes = record_bytes(sizeof body, text.size());
    const record_prefix prefix{static_cast<std::uint32_t>(bytes), static_cast<std::uint8_t>(kind), flags, 0};
    std::memcpy(at, &prefix, sizeof prefix);
    std::memcpy(at + sizeof prefix, &body, sizeof body);
    std::byte* const text_at = at + sizeof prefix + sizeof body;
    if (text.empty()) return;
    std::memset(text_at + padded8(text.size()) - 8, 0, 8);
    std::memcpy(text_at, text.data(), text.size());
}

} // namespace log
} // namespace v1
} // namespace evbus

// The footer of a sealed segment, and the same bytes in an .evidx file. Any part of a section can be
// read alone: it is checked in pieces. Everything in a footer is advice about where to look: what is
// found there is checked again.
#pragma once

#include <evbus/log/commit_check.hpp>
#include <evbus/log/file.hpp>
#include <evbus/log/format.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

struct section {
    std::uint32_t flags = 0;
    std::vector<std::byte> body;
};

/// Access to the sections of one footer. Holds a pointer to the file it was opened on. One thread.
class segment_footer {
public:
    /// Looks for a footer that ends where `from` ends; false when there is none that passes. One read.
    [[nodiscard]] bool open(const file& from, seq_t first_seq, std::uint64_t seed) {
        from_ = nullptr;
        checks_of_ = nullptr;
        directory_.clear();
        const std::int64_t size = from.size();
        footer_tail tail;
        if (size < static_cast<std::int64_t>(sizeof tail + sizeof(footer_header))) return false;
        const std::uint64_t end = static_cast<std::uint64_t>(size);
        end_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(end, end_bytes)));
        end_at_ = end - end_.size();
        if (!read_file(from, end_at_, end_.data(), end_.size())) return false;
        std::memcpy(&tail, end_.data() + end_.size() - sizeof tail, sizeof tail);
        if (tail.magic != tail_magic || checksum_of(tail, seed) != tail.checksum || tail.first_seq != first_seq ||
            tail.sections > max_sections || tail.footer_offset > end || tail.bytes != end - tail.footer_offset ||
            tail.bytes < sizeof(footer_header) + tail.sections * sizeof(section_entry) + sizeof tail)
            return false;
        directory_.resize(tail.sections);
        const std::size_t bytes = directory_.size() * sizeof(section_entry);
        if (!load(from, end - sizeof tail - bytes, directory_.data(), bytes) ||
            evbus::detail::xxh3(directory_.data(), bytes, seed) != tail.directory)
            return false;
        offset_ = tail.footer_offset;
        sections_end_ = end - sizeof tail - bytes;
        seed_ = seed;
        from_ = &from;
        return true;
    }
    [[nodiscard]] bool is_open() const noexcept { return from_ != nullptr; }
    /// Where the footer begins: the commits end there.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

    /// One section; nothing when it is not there or fails a checksum. Allocates its size.
    [[nodiscard]] std::optional<section> read(section_kind kind) const {
        const section_entry* const e = find(kind);
        if (e == nullptr) return std::nullopt;
        section out{e->flags, std::vector<std::byte>(static_cast<std::size_t>(e->bytes))};
        if (!read_part(kind, 0, out.body.data(), out.body.size())) return std::nullopt;
        return out;
    }
    /// `bytes` from `at` on of a section's body: only the pieces that hold them are read and checked. False
    /// when they are not all there or fail a checksum.
    [[nodiscard]] bool read_part(section_kind kind, std::uint64_t at, void* to, std::size_t bytes) const {
        const section_entry* const e = find(kind);
        if (e == nullptr || at > e->bytes || bytes > e->bytes - at || !load_checks(*e)) return false;
        if (bytes == 0) return true;
        const std::uint64_t first = at / section_piece_bytes;
        const std::uint64_t from = first * section_piece_bytes;
        const std::uint64_t end = std::min(e->bytes, (at + bytes + section_piece_bytes - 1) / section_piece_bytes * section_piece_bytes);
        std::vector<std::byte> pieces(static_cast<std::size_t>(end - from));
        if (!load(*from_, offset_ + e->at + from, pieces.data(), pieces.size())) return false;
        for (std::size_t i = 0; i < pieces.size(); i += section_piece_bytes)
            if (evbus::detail::xxh3(pieces.data() + i, std::min<std::size_t>(section_piece_bytes, pieces.size() - i), seed_) !=
                checks_[first + i / section_piece_bytes])
                return false;
        std::memcpy(to, pieces.data() + (at - from), bytes);
        return true;
    }
    /// The directory's word for a section: its flags and size. Null when it is not there.
    [[nodiscard]] const section_entry* find(section_kind kind) const noexcept {
        if (from_ == nullptr) return nullptr;
        for (const section_entry& e : directory_)
            if (e.kind == static_cast<std::uint32_t>(kind)) return is_inside(e) ? &e : nullptr;
        return nullptr;
    }
    [[nodiscard]] std::optional<segment_summary> summary() const {
        segment_summary out;
        if (!read_part(section_kind::summary, 0, &out, sizeof out)) return std::nullopt;
        return out;
    }
    [[nodiscard]] std::vector<block_entry> blocks() const {
        const std::optional<section> s = read(section_kind::blocks);
        std::vector<block_entry> out;
        if (!s) return out;
        out.resize(s->body.size() / sizeof(block_entry));
        if (!out.empty()) std::memcpy(out.data(), s->body.data(), out.size() * sizeof(block_entry));
        return out;
    }

    /// Asked from the system so far, by this object.
    [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }
    [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }

private:
    [[nodiscard]] static std::uint64_t checks_bytes(const section_entry& e) noexcept {
        return (e.bytes + section_piece_bytes - 1) / section_piece_bytes * 8;
    }
    [[nodiscard]] static std::uint64_t padded(std::uint64_t bytes) noexcept { return (bytes + 7) & ~std::uint64_t{7}; }
    [[nodiscard]] bool is_inside(const section_entry& e) const noexcept {
        const std::uint64_t room = sections_end_ - offset_;
        return e.bytes <= max_section_bytes && e.at <= room && padded(e.bytes) + checks_bytes(e) <= room - e.at;
    }
    [[nodiscard]] bool load_checks(const section_entry& e) const {
        if (checks_of_ == &e) return true;
        checks_of_ = nullptr;
        checks_.resize(static_cast<std::size_t>(checks_bytes(e) / 8));
        if (!load(*from_, offset_ + e.at + padded(e.bytes), checks_.data(), checks_.size() * 8) ||
            evbus::detail::xxh3(checks_.data(), checks_.size() * 8, seed_) != e.checksum)
            return false;
        checks_of_ = &e; // not by its place: an empty section and the next one stand at the same
        return true;
    }
    [[nodiscard]] bool read_file(const file& from, std::uint64_t at, void* to, std::size_t bytes) const noexcept {
        const std::int64_t n = from.read_at(to, bytes, at);
        ++reads_;
        bytes_read_ += n < 0 ? 0 : static_cast<std::uint64_t>(n);
        return n == static_cast<std::int64_t>(bytes);
    }
    /// From the end that was read first, where it lies in it.
    [[nodiscard]] bool load(const file& from, std::uint64_t at, void* to, std::size_t bytes) const noexcept {
        if (bytes == 0) return true;
        if (at < end_at_) return read_file(from, at, to, bytes);
        if (bytes > end_.size() || at - end_at_ > end_.size() - bytes) return false;
        std::memcpy(to, end_.data() + (at - end_at_), bytes);
        return true;
    }

    static constexpr std::size_t end_bytes = std::size_t{16} << 10; ///< holds directory, summary, and small sections

    const file* from_ = nullptr;
    std::vector<section_entry> directory_;
    std::vector<std::byte> end_; ///< the file's last bytes
    std::uint64_t end_at_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t sections_end_ = 0;
    std::uint64_t seed_ = 0;
    mutable std::vector<std::uint64_t> checks_; ///< of the pieces of section checks_of_
    mutable const section_entry* checks_of_ = nullptr;
    mutable std::uint64_t bytes_read_ = 0;
    mutable std::uint64_t reads_ = 0;
};

/// Builds a footer's bytes. `at` is the offset in the file where they will stand. What is added last stands
/// nearest to the end, where one read brings it together with the directory.
class footer_builder {
public:
    footer_builder(std::uint64_t at, seq_t first_seq, std::uint64_t seed)
        : at_(at), first_(first_seq), seed_(seed), bytes_(sizeof(footer_header)) {}

    void add(section_kind kind, std::uint32_t flags, const std::vector<std::byte>& body) {
        section_entry e{static_cast<std::uint32_t>(kind), flags, bytes_.size(), body.size(), 0};
        append(body.data(), body.size());
        bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
        std::vector<std::uint64_t> checks;
        for (std::size_t i = 0; i < body.size(); i += section_piece_bytes)
            checks.push_back(evbus::detail::xxh3(body.data() + i, std::min<std::size_t>(section_piece_bytes, body.size() - i), seed_));
        e.checksum = evbus::detail::xxh3(checks.data(), checks.size() * 8, seed_);
        append(checks.data(), checks.size() * 8);
        directory_.push_back(e);
    }
    [[nodiscard]] std::vector<std::byte> finish() {
        const std::size_t directory_bytes = directory_.size() * sizeof(section_entry);
        append(directory_.data(), directory_bytes);
        const auto sections = static_cast<std::uint32_t>(directory_.size());
        footer_tail tail{tail_magic, at_, bytes_.size() + sizeof tail, first_, evbus::detail::xxh3(directory_.data(), directory_bytes, seed_),
                         sections, 0, 0};
        tail.checksum = checksum_of(tail, seed_);
        footer_header head{footer_magic, log_format_version, sections, tail.bytes, 0};
        head.checksum = checksum_of(head, seed_);
        append(&tail, sizeof tail);
        std::memcpy(bytes_.data(), &head, sizeof head);
        return std::move(bytes_);
    }

private:
    void append(const void* data, std::size_t size) {
        const auto* from = static_cast<const std::byte*>(data);
        if (size != 0) bytes_.insert(bytes_.end(), from, from + size);
    }

    std::uint64_t at_;
    seq_t first_;
    std::uint64_t seed_;
    std::vector<section_entry> directory_;
    std::vector<std::byte> bytes_;
};

} // namespace log
} // namespace v1
} // namespace evbus

// The footer of a sealed segment, and the same bytes in an .evidx file. Read section by section;
// everything in it is advice about where to look: what is found there is checked again.
#pragma once

#include <evbus/log/commit_check.hpp>
#include <evbus/log/file.hpp>
#include <evbus/log/format.hpp>

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

/// Access to the sections of one footer. Holds a pointer to the file it was opened on.
class segment_footer {
public:
    /// Looks for a footer that ends where `from` ends; false when there is none that passes.
    [[nodiscard]] bool open(const file& from, seq_t first_seq, std::uint64_t seed) noexcept {
        from_ = nullptr;
        const std::int64_t size = from.size();
        footer_tail tail;
        if (size < static_cast<std::int64_t>(sizeof tail + sizeof header_)) return false;
        const std::uint64_t end = static_cast<std::uint64_t>(size);
        if (!load(from, end - sizeof tail, tail) || tail.magic != tail_magic ||
            checksum_of(tail, seed) != tail.checksum || tail.first_seq != first_seq)
            return false;
        if (tail.footer_offset > end - sizeof tail - sizeof header_ || !load(from, tail.footer_offset, header_) ||
            header_.magic != footer_magic || checksum_of(header_, seed) != header_.checksum ||
            header_.bytes != end - tail.footer_offset)
            return false;
        offset_ = tail.footer_offset;
        end_ = end - sizeof tail;
        seed_ = seed;
        from_ = &from;
        return true;
    }
    [[nodiscard]] bool is_open() const noexcept { return from_ != nullptr; }
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

    /// One section; nothing when it is not there or fails its checksum. Allocates its size.
    [[nodiscard]] std::optional<section> read(section_kind kind) const {
        std::uint64_t at = offset_ + sizeof header_;
        for (std::uint32_t i = 0; from_ != nullptr && i < header_.sections; ++i) {
            section_header h;
            if (at > end_ || end_ - at < sizeof h || !load(*from_, at, h)) return std::nullopt;
            at += sizeof h;
            if (h.bytes > max_section_bytes || h.bytes > end_ - at) return std::nullopt;
            if (h.kind == static_cast<std::uint32_t>(kind)) return read_body(h, at);
            at += (h.bytes + 7) & ~std::uint64_t{7};
        }
        return std::nullopt;
    }
    [[nodiscard]] std::optional<segment_summary> summary() const {
        const std::optional<section> s = read(section_kind::summary);
        segment_summary out;
        if (!s || s->body.size() < sizeof out) return std::nullopt;
        std::memcpy(&out, s->body.data(), sizeof out);
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

private:
    template <class T>
    [[nodiscard]] static bool load(const file& from, std::uint64_t at, T& out) noexcept {
        return from.read_at(&out, sizeof out, at) == static_cast<std::int64_t>(sizeof out);
    }
    [[nodiscard]] std::optional<section> read_body(const section_header& h, std::uint64_t at) const {
        // The header's first 16 bytes go before the body, so that one checksum covers both.
        std::vector<std::byte> all(16 + h.bytes);
        std::memcpy(all.data(), &h, 16);
        if (from_->read_at(all.data() + 16, h.bytes, at) != static_cast<std::int64_t>(h.bytes) ||
            evbus::detail::xxh3(all.data(), all.size(), seed_) != h.checksum)
            return std::nullopt;
        all.erase(all.begin(), all.begin() + 16);
        return section{h.flags, std::move(all)};
    }

    const file* from_ = nullptr;
    footer_header header_{};
    std::uint64_t offset_ = 0;
    std::uint64_t end_ = 0;
    std::uint64_t seed_ = 0;
};

/// Builds a footer's bytes. `at` is the offset in the file where they will stand.
class footer_builder {
public:
    footer_builder(std::uint64_t at, seq_t first_seq, std::uint64_t seed)
        : at_(at), first_(first_seq), seed_(seed), bytes_(sizeof(footer_header)) {}

    void add(section_kind kind, std::uint32_t flags, const std::vector<std::byte>& body) {
        section_header h{static_cast<std::uint32_t>(kind), flags, body.size(), 0};
        std::vector<std::byte> all(16 + body.size());
        std::memcpy(all.data(), &h, 16);
        if (!body.empty()) std::memcpy(all.data() + 16, body.data(), body.size());
        h.checksum = evbus::detail::xxh3(all.data(), all.size(), seed_);
        append(&h, sizeof h);
        append(body.data(), body.size());
        bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
        ++sections_;
    }
    [[nodiscard]] std::vector<std::byte> finish() {
        footer_tail tail{tail_magic, at_, first_, 0};
        tail.checksum = checksum_of(tail, seed_);
        footer_header head{footer_magic, log_format_version, sections_, bytes_.size() + sizeof tail, 0};
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
    std::uint32_t sections_ = 0;
    std::vector<std::byte> bytes_;
};

} // namespace log
} // namespace v1
} // namespace evbus

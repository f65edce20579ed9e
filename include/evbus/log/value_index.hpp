// Which blocks of a segment hold which header values: (hash of key and value, block), so that all
// events of one correlation-id are found without reading the rest. Memory is bounded: what comes when
// it is full is not noted, and the table says from where on.
//
// The cost on the writer's path is one hash and one append a header; sorting into buckets waits for
// the segment's end.
#pragma once

#include <evbus/detail/hash.hpp>
#include <evbus/headers.hpp>
#include <evbus/log/format.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// What stands for a header's key and value in the table.
[[nodiscard]] inline std::uint64_t value_hash(std::string_view key, std::string_view value) noexcept {
    return evbus::detail::xxh3(value.data(), value.size(), evbus::detail::xxh3(key.data(), key.size()));
}

/// A time of its own in every event is nothing to look up.
[[nodiscard]] inline bool has_value_index(std::string_view key) noexcept { return key != header_key::origin_time; }

class value_index {
public:
    explicit value_index(std::uint32_t max_entries = max_index_values) : max_entries_(max_entries) {}

    void note(std::uint64_t hash, block_place block) noexcept {
        if (complete_below_ != everything) return;
        try {
            if (!recent_) recent_ = std::make_unique<std::array<value, recent_size>>();
            value& r = (*recent_)[hash % recent_size];
            if (r.hash == hash && r.block == block) return;
            if (values_.size() >= max_entries_) return cut(block);
            values_.push_back({hash, block});
            r = values_.back();
        } catch (const std::bad_alloc&) {
            cut(block);
        }
    }
    [[nodiscard]] std::uint32_t flags() const noexcept {
        return complete_below_ != everything ? section_flags::places_cut : 0;
    }
    /// value_table, the buckets' beginnings, entries.
    [[nodiscard]] std::vector<std::byte> encode() const {
        const value_table head{bucket_bits(), static_cast<std::uint32_t>(values_.size()), complete_below_};
        std::vector<std::uint32_t> begins((std::size_t{1} << head.bucket_bits) + 1);
        const auto bucket = [&](const value& v) { return bucket_of(v.hash, head.bucket_bits); };
        for (const value& v : values_) ++begins[bucket(v) + 1];
        for (std::size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
        const std::size_t table_bytes = sizeof head + begins.size() * sizeof begins[0];
        std::vector<std::byte> out(table_bytes + values_.size() * sizeof(value_entry));
        std::memcpy(out.data(), &head, sizeof head);
        std::memcpy(out.data() + sizeof head, begins.data(), begins.size() * sizeof begins[0]);
        for (const value& v : values_) {
            const value_entry e{static_cast<std::uint32_t>(v.hash), v.block};
            std::memcpy(out.data() + table_bytes + begins[bucket(v)]++ * sizeof e, &e, sizeof e);
        }
        return out;
    }
    [[nodiscard]] static std::uint32_t bucket_of(std::uint64_t hash, std::uint32_t bits) noexcept {
        return bits == 0 ? 0 : static_cast<std::uint32_t>(hash >> (64 - bits));
    }

private:
    struct value {
        std::uint64_t hash = 0;
        block_place block = 0; ///< no block begins at 0
    };
    static constexpr std::size_t recent_size = 256; ///< values that are the same in many events of a block
    static constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

    /// Some 256 entries a bucket: half a piece of the section.
    [[nodiscard]] std::uint32_t bucket_bits() const noexcept {
        std::uint32_t bits = 0;
        while (values_.size() >> bits > 256) ++bits;
        return bits;
    }
    void cut(block_place block) noexcept { complete_below_ = std::uint64_t{block} * 8; }

    std::uint32_t max_entries_;
    std::vector<value> values_;
    std::unique_ptr<std::array<value, recent_size>> recent_;
    std::uint64_t complete_below_ = everything;
};

} // namespace log
} // namespace v1
} // namespace evbus

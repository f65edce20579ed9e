// Writes the commits of one segment into another file, their bodies compressed one by one, so that
// each can still be read alone. A body that gains nothing stays plain. One thread.
#pragma once

#include <evbus/log/segment_index.hpp>
#include <evbus/log/segment_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

struct ZSTD_CCtx_s;

namespace evbus {
inline namespace v1 {
namespace log {

class packed_writer {
public:
    static constexpr int least_level = 1;
    static constexpr int greatest_level = 19;

    /// Writes into `out`, which is empty and outlives it. `h` is the header of the segment that is
    /// copied. Throws std::bad_alloc.
    packed_writer(const file& out, segment_header h, int level);

    /// Takes the next commit. 0 or -errno.
    [[nodiscard]] int add(const commit_view& c);
    /// Writes what is left, and the footer. 0 or -errno.
    [[nodiscard]] int finish();
    /// What the footer says.
    [[nodiscard]] const segment_summary& summary() const noexcept { return index_.summary(); }
    /// The file's size so far.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return flushed_ + buffer_.size(); }

private:
    struct free_context {
        void operator()(ZSTD_CCtx_s* c) const noexcept;
    };

    /// The stored body for `records`: the compressed one, or themselves.
    [[nodiscard]] std::span<const std::byte> pack(std::span<const std::byte> records);
    void put(const void* from, std::size_t size);
    [[nodiscard]] int flush();

    const file* out_;
    std::uint64_t seed_;
    std::unique_ptr<ZSTD_CCtx_s, free_context> context_;
    std::vector<std::byte> packed_;
    std::vector<std::byte> buffer_; ///< what goes behind `flushed_`
    std::uint64_t flushed_ = 0;
    segment_index index_;
};

} // namespace log
} // namespace v1
} // namespace evbus

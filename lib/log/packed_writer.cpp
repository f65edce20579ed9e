#include "lib/log/packed_writer.hpp"

#include <algorithm>
#include <new>

#include <zstd.h>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr std::size_t write_bytes = std::size_t{1} << 20;

} // namespace

void packed_writer::free_context::operator()(ZSTD_CCtx_s* c) const noexcept { ZSTD_freeCCtx(c); }

packed_writer::packed_writer(const file& out, segment_header h, int level)
    : out_(&out), seed_(bus_of(h).seed()), context_(ZSTD_createCCtx()), packed_(ZSTD_compressBound(max_commit_body) + 8),
      index_(h.first_seq) {
    if (!context_) throw std::bad_alloc();
    const int within = std::clamp(level, least_level, greatest_level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, within);
    h.compatible_flags |= segment_flags::compressed;
    h.checksum = checksum_of(h, seed_);
    put(&h, sizeof h);
}

std::span<const std::byte> packed_writer::pack(std::span<const std::byte> records) {
    const std::size_t size =
        ZSTD_compress2(context_.get(), packed_.data(), packed_.size() - 8, records.data(), records.size());
    if (ZSTD_isError(size) != 0 || size + 8 > records.size()) return records;
    const std::size_t padded = (size + 7) & ~std::size_t{7};
    std::fill_n(packed_.begin() + static_cast<std::ptrdiff_t>(size), padded - size, std::byte{0});
    return {packed_.data(), padded};
}

int packed_writer::add(const commit_view& c) {
    commit_header h = c.header;
    const std::span<const std::byte> stored = pack(c.body);
    const bool plain = stored.data() == c.body.data();
    h.codec = static_cast<std::uint8_t>(plain ? codec::none : codec::zstd);
    h.stored_bytes = static_cast<std::uint32_t>(stored.size());
    h.stored_checksum = plain ? h.body_hash : evbus::detail::xxh3(stored.data(), stored.size(), seed_);
    h.place = bytes();
    h.header_checksum = header_checksum(h, seed_);
    index_.note(h, c.body, h.place, seed_);
    put(&h, sizeof h);
    put(stored.data(), stored.size());
    return buffer_.size() < write_bytes ? 0 : flush();
}

int packed_writer::finish() {
    const std::vector<std::byte> footer = index_.encode(bytes(), seed_);
    put(footer.data(), footer.size());
    return flush();
}

void packed_writer::put(const void* from, std::size_t size) {
    const auto* const at = static_cast<const std::byte*>(from);
    buffer_.insert(buffer_.end(), at, at + size);
}

int packed_writer::flush() {
    if (const int r = out_->write_at(buffer_.data(), buffer_.size(), flushed_); r < 0) return r;
    flushed_ += buffer_.size();
    buffer_.clear();
    return 0;
}

} // namespace log
} // namespace v1
} // namespace evbus

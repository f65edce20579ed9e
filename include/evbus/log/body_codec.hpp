// From the stored body of a commit to its records. Which codecs a program knows is one matter of the
// whole program, and not of each source: a decoder announces itself here, and every reader finds it.
// zstd does so where any source of the program includes <evbus/log/zstd.hpp>.
#pragma once

#include <evbus/detail/hash.hpp>
#include <evbus/log/format.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace evbus {
inline namespace v1 {
namespace log {

/// The state of one codec. One thread.
class body_decoder {
public:
    virtual ~body_decoder() = default;
    /// Fills `records` from a whole stored body, its padding included. False when that does not give
    /// exactly so many bytes. Takes no memory that the body could choose.
    [[nodiscard]] virtual bool decode(std::span<const std::byte> stored, std::span<std::byte> records) noexcept = 0;
};

/// A new decoder, or null when there is no memory for it.
using decoder_maker = std::unique_ptr<body_decoder> (*)() noexcept;

namespace detail {
inline std::atomic<decoder_maker> zstd_maker{nullptr};
} // namespace detail

/// True when this program can read bodies of that codec. Any thread.
[[nodiscard]] inline bool can_decode(std::uint8_t stored_as) noexcept {
    if (stored_as == static_cast<std::uint8_t>(codec::none)) return true;
    return stored_as == static_cast<std::uint8_t>(codec::zstd) &&
           detail::zstd_maker.load(std::memory_order_relaxed) != nullptr;
}

/// Unpacks and checks bodies, one after the other. Its buffer and its decoder are taken with the first
/// compressed body and kept. One thread.
class body_unpacker {
public:
    enum class outcome : std::uint8_t { fine, damaged, no_memory };

    /// `h` has passed check_header, `stored` is h.stored_bytes long. After `fine`, `records` stand in
    /// `stored` itself (codec none) or in a buffer that is valid until the next call.
    [[nodiscard]] outcome unpack(const commit_header& h, std::span<const std::byte> stored, std::uint64_t seed,
                                 std::span<const std::byte>& records) noexcept {
        if (h.codec == static_cast<std::uint8_t>(codec::none)) {
            // The body hash is also the checksum of what is stored: taken once.
            if (evbus::detail::xxh3(stored.data(), stored.size(), seed) != h.body_hash) return outcome::damaged;
            records = stored;
            return outcome::fine;
        }
        if (evbus::detail::xxh3(stored.data(), stored.size(), seed) != h.stored_checksum) return outcome::damaged;
        if (!is_ready()) return outcome::no_memory;
        const std::span<std::byte> raw{reinterpret_cast<std::byte*>(words_.get()), h.raw_bytes};
        if (!decoder_->decode(stored, raw) || evbus::detail::xxh3(raw.data(), raw.size(), seed) != h.body_hash)
            return outcome::damaged;
        records = raw;
        return outcome::fine;
    }

private:
    [[nodiscard]] bool is_ready() noexcept {
        if (!words_) words_.reset(new (std::nothrow) std::uint64_t[max_commit_body / 8]);
        if (!decoder_)
            if (const decoder_maker make = detail::zstd_maker.load(std::memory_order_relaxed)) decoder_ = make();
        return words_ && decoder_;
    }

    std::unique_ptr<std::uint64_t[]> words_;
    std::unique_ptr<body_decoder> decoder_;
};

} // namespace log
} // namespace v1
} // namespace evbus

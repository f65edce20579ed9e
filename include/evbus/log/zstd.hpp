// Included in any one source of a program, and libzstd linked, all of the program reads compressed
// segments (evlog compress). Opt-in: evbus alone needs no library.
#pragma once

#include <evbus/log/body_codec.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include <zstd.h>

namespace evbus {
inline namespace v1 {
namespace log {

/// One zstd frame that names its content's size, then zeros up to a multiple of 8 bytes. Unpacked in
/// one call, so that zstd's window is the buffer itself and no frame can ask for a larger one.
class zstd_decoder final : public body_decoder {
public:
    /// Null when there is no memory.
    [[nodiscard]] static std::unique_ptr<body_decoder> make() noexcept {
        std::unique_ptr<zstd_decoder> out(new (std::nothrow) zstd_decoder);
        if (out && out->context_ == nullptr) out.reset();
        return out;
    }
    ~zstd_decoder() override { ZSTD_freeDCtx(context_); }
    zstd_decoder(const zstd_decoder&) = delete;
    zstd_decoder& operator=(const zstd_decoder&) = delete;

    [[nodiscard]] bool decode(std::span<const std::byte> stored, std::span<std::byte> records) noexcept override {
        if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != records.size()) return false;
        const std::size_t frame = ZSTD_findFrameCompressedSize(stored.data(), stored.size());
        if (ZSTD_isError(frame) != 0 || stored.size() - frame >= 8) return false;
        if (std::any_of(stored.begin() + static_cast<std::ptrdiff_t>(frame), stored.end(),
                        [](std::byte b) { return b != std::byte{0}; }))
            return false;
        return ZSTD_decompressDCtx(context_, records.data(), records.size(), stored.data(), frame) == records.size();
    }

private:
    zstd_decoder() noexcept : context_(ZSTD_createDCtx()) {}
    ZSTD_DCtx* context_;
};

namespace detail {
inline const bool zstd_is_announced = [] {
    zstd_maker.store(&zstd_decoder::make, std::memory_order_relaxed);
    return true;
}();
} // namespace detail

} // namespace log
} // namespace v1
} // namespace evbus

// Taking a stream apart: every part is checked before anything of it is given. What this cannot know (does
// it fit to the log here, does it go on where the last part ended) the importer checks. One thread; memory is
// bounded by the longest part.
#pragma once

#include "lib/link/channel.hpp"
#include "lib/link/stream_format.hpp"

#include <evbus/log/format.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace link {

enum class part : std::uint8_t {
    header,  ///< header()
    segment, ///< segment()
    commit,  ///< commit() and stored()
    mark,    ///< mark() and text()
    idle,    ///< nothing came for a moment
    stopped, ///< somebody asked to stop
    over,    ///< the bytes ended between two parts
};

class stream_reader {
public:
    /// The first part must be a header with exactly these kinds of flags: a request, or none.
    explicit stream_reader(byte_source& from, bool wants_request = false);

    /// Views are valid until the next call. Throws evbus::error: cut_short (the bytes end within a part),
    /// damaged (a part fails its checks, or none begins there), wrong_version, not_a_bus (no stream at all).
    [[nodiscard]] part next(int wait_ms = 250);

    [[nodiscard]] const stream_header& header() const noexcept { return header_; }
    [[nodiscard]] const log::segment_header& segment() const noexcept { return segment_; }
    [[nodiscard]] const log::commit_header& commit() const noexcept { return commit_; }
    /// The commit's body as it is stored.
    [[nodiscard]] std::span<const std::byte> stored() const noexcept { return stored_; }
    [[nodiscard]] const stream_mark& mark() const noexcept { return mark_; }
    [[nodiscard]] std::string_view text() const noexcept { return text_; }
    /// Bytes of all parts given so far.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return given_; }
    /// The seed of the checksums; known from the header on.
    [[nodiscard]] std::uint64_t seed() const noexcept { return bus_of(header_).seed(); }

private:
    /// What filling came to; `bytes` when `wanted` are there.
    [[nodiscard]] heard need(std::size_t wanted, int wait_ms);
    [[nodiscard]] part ended(heard how) const;
    template <class T>
    void load(T& out) const noexcept;
    [[nodiscard]] part take(part what, std::size_t bytes) noexcept;
    void check_stream_header();
    [[noreturn]] void refuse(std::string_view what) const;

    [[nodiscard]] part next_header(int wait_ms);
    [[nodiscard]] part next_segment(int wait_ms);
    [[nodiscard]] part next_commit(int wait_ms);
    [[nodiscard]] part next_mark(int wait_ms);

    byte_source* from_;
    bool wants_request_;
    std::vector<std::byte> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t given_ = 0;
    bool has_header_ = false;
    stream_header header_{};
    log::segment_header segment_{};
    log::commit_header commit_{};
    std::span<const std::byte> stored_{};
    stream_mark mark_{};
    std::string_view text_{};
};

} // namespace link
} // namespace v1
} // namespace evbus

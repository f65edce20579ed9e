#include "lib/link/stream_reader.hpp"

#include <evbus/error.hpp>
#include <evbus/frame.hpp>
#include <evbus/log/commit_check.hpp>
#include <evbus/log/segment_reader.hpp>

#include <cstring>
#include <string>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

constexpr const char* operation = "read stream";
constexpr std::size_t capacity = std::size_t{512} << 10;
static_assert(capacity >= 2 * (sizeof(log::commit_header) + log::max_commit_body));

} // namespace

stream_reader::stream_reader(byte_source& from, bool wants_request) : from_(&from), wants_request_(wants_request), buffer_(capacity) {}

heard stream_reader::need(std::size_t wanted, int wait_ms) {
    while (end_ - begin_ < wanted) {
        if (buffer_.size() - begin_ < wanted) {
            // Parts are multiples of 8 bytes: what is moved to the front stays aligned.
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        std::size_t got = 0;
        const heard how = from_->read(std::span(buffer_).subspan(end_), got, wait_ms);
        if (how != heard::bytes) return how;
        end_ += got;
    }
    return heard::bytes;
}

part stream_reader::ended(heard how) const {
    if (how == heard::idle) return part::idle;
    if (how == heard::stopped) return part::stopped;
    if (begin_ == end_ && has_header_) return part::over;
    if (begin_ == end_)
        throw error(errc::cut_short, {operation, from_->name(), "it is empty", "look at what the exporter said"});
    throw error(errc::cut_short, {operation, from_->name(),
                                  "it is cut off within a part, at byte " + std::to_string(given_ + (end_ - begin_)),
                                  "export again from the seq that the log here ends with: what came before is kept"});
}

template <class T>
void stream_reader::load(T& out) const noexcept {
    std::memcpy(&out, buffer_.data() + begin_, sizeof out);
}

part stream_reader::take(part what, std::size_t bytes) noexcept {
    begin_ += bytes;
    given_ += bytes;
    return what;
}

void stream_reader::refuse(std::string_view what) const {
    throw error(errc::damaged, {operation, from_->name(), std::string(what) + ", at byte " + std::to_string(given_),
                                "export again from the seq that the log here ends with: what came before is kept"});
}

part stream_reader::next(int wait_ms) {
    if (const heard how = need(sizeof(std::uint64_t), wait_ms); how != heard::bytes) return ended(how);
    std::uint64_t magic;
    load(magic);
    if (!has_header_) {
        if (magic == stream_magic) return next_header(wait_ms);
        throw error(errc::not_a_bus, {operation, from_->name(), "it is no stream of evbus",
                                      "feed it what evlog export writes, or connect to one that listens"});
    }
    switch (magic) {
    case log::segment_magic: return next_segment(wait_ms);
    case log::commit_magic: return next_commit(wait_ms);
    case mark_magic: return next_mark(wait_ms);
    default: refuse("no part begins there");
    }
}

part stream_reader::next_header(int wait_ms) {
    if (const heard how = need(sizeof header_, wait_ms); how != heard::bytes) return ended(how);
    load(header_);
    check_stream_header();
    has_header_ = true;
    return take(part::header, sizeof header_);
}

void stream_reader::check_stream_header() {
    if (log::checksum_of(header_, seed()) != header_.checksum) refuse("its header fails its checksum");
    if (header_.version > stream_format_version)
        throw error(errc::wrong_version, {operation, from_->name(), "it has version " + std::to_string(header_.version) + ", this program knows " +
                                          std::to_string(stream_format_version), "use the newer evlog on both sides"});
    if ((header_.flags & ~stream_flags::known) != 0)
        throw error(errc::unknown_feature, {operation, from_->name(), "it uses a feature that this program does not know", "use a newer evlog"});
    const bool is_request = (header_.flags & stream_flags::request) != 0;
    if (is_request != wants_request_)
        refuse(is_request ? "there is another importer at the other side" : "there is another exporter at the other side");
    if (!is_request && (bus_of(header_).empty() || header_.first_seq == no_seq || header_.first_seq == max_seq))
        refuse("its header contradicts itself");
}

part stream_reader::next_segment(int wait_ms) {
    if (const heard how = need(sizeof segment_, wait_ms); how != heard::bytes) return ended(how);
    load(segment_);
    switch (log::check_segment(segment_, bus_of(header_), segment_.first_seq)) {
    case log::segment_fault::none: break;
    case log::segment_fault::version:
    case log::segment_fault::feature:
        throw error(errc::wrong_version, {operation, from_->name(), "a newer version of evbus wrote the segment in it", "use the newer evlog here too"});
    default: refuse("a segment's header fails its checks");
    }
    if (segment_.first_seq == no_seq || segment_.first_seq == max_seq) refuse("a segment's header contradicts itself");
    return take(part::segment, sizeof segment_);
}

part stream_reader::next_commit(int wait_ms) {
    if (const heard how = need(sizeof commit_, wait_ms); how != heard::bytes) return ended(how);
    load(commit_);
    // Lengths are believed after the header's own checksum, and are bounded then.
    const log::commit_fault fault = log::check_header(commit_, seed());
    if (fault == log::commit_fault::version || fault == log::commit_fault::codec)
        throw error(errc::wrong_version, {operation, from_->name(), log::to_string(fault), "use the newer evlog here too"});
    if (fault != log::commit_fault::none) refuse(log::to_string(fault));
    const std::size_t whole = sizeof commit_ + commit_.stored_bytes;
    if (const heard how = need(whole, wait_ms); how != heard::bytes) return ended(how);
    stored_ = std::span<const std::byte>(buffer_).subspan(begin_ + sizeof commit_, commit_.stored_bytes);
    if (evbus::detail::xxh3(stored_.data(), stored_.size(), seed()) != commit_.stored_checksum)
        refuse(log::to_string(log::commit_fault::body));
    return take(part::commit, whole);
}

part stream_reader::next_mark(int wait_ms) {
    if (const heard how = need(sizeof mark_, wait_ms); how != heard::bytes) return ended(how);
    load(mark_);
    if (log::checksum_of(mark_, seed()) != mark_.checksum || mark_.text_bytes > max_mark_text) refuse("a mark fails its checks");
    const std::size_t padded = padded8(mark_.text_bytes);
    if (const heard how = need(sizeof mark_ + padded, wait_ms); how != heard::bytes) return ended(how);
    const std::byte* const at = buffer_.data() + begin_ + sizeof mark_;
    if (mark_.text_bytes != 0 && evbus::detail::xxh3(at, padded, seed()) != mark_.text_hash) refuse("a mark's text fails its checksum");
    text_ = {reinterpret_cast<const char*>(at), mark_.text_bytes};
    return take(part::mark, sizeof mark_ + padded);
}

} // namespace link
} // namespace v1
} // namespace evbus

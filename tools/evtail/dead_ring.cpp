#include "tools/evtail/dead_ring.hpp"

#include <evbus/error.hpp>
#include <evbus/ring/head.hpp>

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace evtail {

namespace ring = evbus::ring;
using evbus::errc;
using evbus::error;

namespace {

constexpr const char* operation = "read ring file";
constexpr const char* way_out = "--ring reads a whole copy of /dev/shm/evbus.NAME.ring";
constexpr std::uint64_t chunk_bytes = 256 * 1024;

ring::shm_file open_file(const std::string& path) {
    ring::shm_file file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) evbus::detail::throw_errno(errno, operation, path);
    if (!S_ISREG(file.status().st_mode)) throw error(errc::not_a_bus, {operation, path, "it is not a regular file", way_out});
    return file;
}

} // namespace

dead_ring::dead_ring(std::string path)
    : path_(std::move(path)), file_(open_file(path_)), header_(std::make_unique<ring::ring_header>()) {
    const auto bytes = static_cast<std::uint64_t>(file_.status().st_size);
    if (bytes < sizeof(ring::ring_header))
        throw error(errc::cut_short, {operation, path_, "it has only " + std::to_string(bytes) + " bytes, less than a ring's header", way_out});
    read_exactly(header_.get(), sizeof(ring::ring_header), 0);
    ring::ring_preamble preamble;
    std::memcpy(&preamble.description, &header_->description, sizeof preamble.description);
    std::memcpy(preamble.log_dir, header_->log_dir, sizeof preamble.log_dir);
    try {
        description_ = ring::check_description(preamble, bytes, path_);
    } catch (const error& e) {
        // The check speaks to who wants to attach; nobody should remove a bus because of a bad copy.
        throw error(e.kind(), {operation, path_, evbus::detail::describe(e.kind()), way_out});
    }
    if (first_seq() > ring::last_seq_of_any_ring)
        throw error(errc::bad_geometry, {operation, path_, "its first seq is one that no ring begins with", way_out});
    shape_ = description_.shape();
    chunk_slots_ = std::clamp<std::uint64_t>(chunk_bytes / shape_.slot_bytes(), 1, shape_.slots());
    chunk_.resize(chunk_slots_ * shape_.slot_bytes() / 8);
    chunk_first_ = shape_.slots(); // none yet
    read_words();
    head_ = find_head();
}

const ring::clock_table& dead_ring::clock() const noexcept { return header_->clock; }

seq_t dead_ring::oldest() const noexcept {
    return head_ - first_seq() > shape_.slots() ? head_ - shape_.slots() : first_seq();
}

ring::slot_word dead_ring::word(seq_t seq) const noexcept { return ring::slot_word(words_[shape_.index(seq)]); }

std::span<const std::byte> dead_ring::slot(seq_t seq) {
    const std::uint64_t index = shape_.index(seq);
    const std::uint64_t first = index - index % chunk_slots_;
    if (first != chunk_first_) {
        read_exactly(chunk_.data(), chunk_slots_ * shape_.slot_bytes(), sizeof(ring::ring_header) + first * shape_.slot_bytes());
        chunk_first_ = first;
    }
    return std::as_bytes(std::span(chunk_)).subspan((index - first) * shape_.slot_bytes(), shape_.slot_bytes());
}

void dead_ring::read_exactly(void* to, std::size_t bytes, std::uint64_t at) const {
    auto* out = static_cast<char*>(to);
    while (bytes != 0) {
        const ssize_t n = ::pread(file_.fd(), out, bytes, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) evbus::detail::throw_errno(errno, operation, path_);
        if (n == 0) throw error(errc::cut_short, {operation, path_, "it was cut while it was read", way_out});
        out += n;
        at += static_cast<std::uint64_t>(n);
        bytes -= static_cast<std::size_t>(n);
    }
}

void dead_ring::read_words() {
    words_.resize(shape_.slots());
    for (std::uint64_t i = 0; i < shape_.slots(); ++i) std::memcpy(&words_[i], slot(i).data(), sizeof words_[i]);
}

bool dead_ring::is_claimed(seq_t seq) const noexcept {
    const std::int64_t ahead = word(seq).laps_ahead_of(shape_.lap(seq));
    return ahead > 0 || (ahead == 0 && word(seq).phase() != ring::phase::closed);
}

// As ring::find_head: the publishers' walk from the tail's hint, and what all words vouch for when the
// hint makes no sense.
seq_t dead_ring::find_head() const noexcept {
    seq_t t = std::max(header_->tail.load(std::memory_order_relaxed), first_seq());
    if (t != first_seq() && (t > ring::last_seq_of_any_ring || !is_claimed(t - 1))) return head_by_scan();
    for (std::uint64_t steps = 0; steps < 4 * shape_.slots(); ++steps) {
        if (!is_claimed(t)) return t;
        const seq_t seq = ring::seq_ahead(shape_, t, word(t).laps_ahead_of(shape_.lap(t)));
        if (seq == evbus::no_seq) return head_by_scan();
        t = seq + 1;
    }
    return t;
}

seq_t dead_ring::head_by_scan() const noexcept {
    seq_t head = first_seq();
    for (std::uint64_t i = 0; i < shape_.slots(); ++i) {
        const seq_t nearest = first_seq() + i;
        if (!is_claimed(nearest)) continue;
        const seq_t seq = ring::seq_ahead(shape_, nearest, word(nearest).laps_ahead_of(shape_.lap(nearest)));
        if (seq != evbus::no_seq) head = std::max(head, seq + 1);
    }
    return head;
}

} // namespace evtail

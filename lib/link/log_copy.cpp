#include "lib/link/log_copy.hpp"

#include "lib/link/copy_end.hpp"
#include "lib/log/fresh_tail.hpp"
#include "lib/log/index.hpp"

#include <evbus/error.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

constexpr const char* operation = "import into log";
constexpr std::size_t write_bytes = std::size_t{1} << 20;

} // namespace

log_copy::log_copy(log::file_system& fs, std::string dir, copy_options how)
    : fs_(&fs), dir_{std::move(dir)}, how_(std::move(how)) {
    if (const int r = log::make_dirs(fs, dir_.root, how_.dir_mode); r < 0) fail(-r, dir_.root);
    lock_ = log::log_lock::acquire(fs, dir_.root, "evlog import", {}, how_.file_mode);
    for (const std::string& d : {dir_.segments(), dir_.runs(), dir_.quarantine(), dir_.cursors()})
        if (const int r = log::make_dirs(fs, d, how_.dir_mode); r < 0) fail(-r, d);
    log::sync_names(fs, dir_);
    // After a power loss the first segment may have no header; the epochs, which came before it, name the bus.
    epochs_ = log::read_epochs(fs, dir_);
    if (!epochs_.empty()) log::finish_fresh_tail(fs, dir_, epochs_.back().bus, how_.file_mode, how_.on_notice);
    log::log_state found = log::scan(fs, dir_, epochs_.empty() ? bus_id{} : epochs_.back().bus);
    check_version(found);
    if (settle_end(fs, dir_, found, how_.file_mode, how_.on_notice)) found = log::scan(fs, dir_, found.bus);
    check_version(found);
    check_fork(found);
    log::repair(fs, dir_, found, how_.file_mode, how_.on_notice);
    bus_ = found.bus;
    end_ = proven_ = found.end;
    if (found.empty()) return;
    durable_ = end_.next - 1;
    first_ = found.segments.front().first;
    resume(found.segments.back());
}

log_copy::~log_copy() {
    if (!broken_ && !empty() && !is_known_durable(*fs_, dir_, proven_)) note_durable(*fs_, dir_, proven_, how_.file_mode);
}

void log_copy::check_fork(const log::log_state& found) const {
    if (found.fork)
        throw error(errc::damaged, {operation, dir_.root, "the log there is forked: " + *found.fork, "evlog verify tells more"});
}

void log_copy::check_version(const log::log_state& found) const {
    if (found.refused)
        throw error(errc::wrong_version, {operation, dir_.root, *found.refused, "use the newer version of evbus here too"});
}

void log_copy::fail(int os_error, std::string_view object) {
    broken_ = true;
    evbus::detail::throw_errno(os_error, operation, object);
}

void log_copy::set_bus(const bus_id& id) noexcept {
    bus_ = id;
    end_.seed = id.seed();
}

/// Goes on in the newest segment when that is whole and not sealed.
void log_copy::resume(const log::segment_state& newest) {
    const bool whole = newest.header_fault == log::segment_fault::none && newest.walk.holes.empty();
    if (!whole || (newest.sealed && newest.covers_seqs())) return;
    const std::string path = log::segment_path(dir_, newest.first);
    log::segment_reader in;
    if (const int r = in.open(*fs_, path, bus_.seed()); r < 0) fail(-r, path);
    log::segment_walk walked;
    log::segment_index index = log::build_index(in, {bus_.seed(), newest.header.previous_chain, 0, newest.first}, walked);
    if (const int r = segment_.resume(*fs_, dir_, newest.header, walked.valid_end, std::move(index)); r < 0) fail(-r, path);
    if (walked.valid_end < walked.bytes || newest.sealed)
        if (const int r = segment_.shared()->truncate(walked.valid_end); r < 0) fail(-r, path);
    open_first_ = newest.first;
    synced_ = segment_.offset();
}

void log_copy::begin_segment(log::segment_header h, bool builds_on) {
    seal();
    if (segment_.is_open()) sync(); // it has no seq, but what it has is to be there with what follows
    segment_.close();
    if (builds_on && !empty()) {
        h.previous_last_seq = end_.next - 1;
        h.previous_chain = end_.chain;
    }
    if (const int r = segment_.create(*fs_, dir_, h, how_.file_mode); r < 0) fail(-r, log::segment_path(dir_, h.first_seq));
    open_first_ = h.first_seq;
    synced_ = 0;
    if (empty()) first_ = h.first_seq;
    end_.chain = h.previous_chain;
    end_.next = h.first_seq;
}

void log_copy::change_epoch(epoch_t to) {
    write();
    if (const int r = segment_.change_epoch(to); r < 0) fail(-r, log::segment_path(dir_, open_first_));
}

void log_copy::append(log::commit_header h, std::span<const std::byte> stored) {
    std::span<const std::byte> records;
    switch (unpacker_.unpack(h, stored, bus_.seed(), records)) {
    case log::body_unpacker::outcome::fine: break;
    case log::body_unpacker::outcome::no_memory: fail(ENOMEM, dir_.root);
    case log::body_unpacker::outcome::damaged:
        throw error(errc::damaged, {operation, dir_.root, "the commit of seq " + std::to_string(h.first_seq) + " does not hold what its header says",
                                    "export it again"});
    }
    const std::uint64_t at = segment_.offset() + pending_.size();
    h.place = at;
    h.header_checksum = log::header_checksum(h, bus_.seed());
    append_commit(pending_, h, stored);
    segment_.note(h, records, at, bus_.seed());
    end_ = log::state_after(h, bus_.seed());
    if (pending_.size() >= write_bytes) write();
    if (segment_.offset() - synced_ >= how_.sync_bytes) sync();
}

void log_copy::write() {
    if (pending_.empty()) return;
    if (const int r = segment_.append_copied(pending_); r < 0) fail(-r, log::segment_path(dir_, open_first_));
    pending_.clear();
}

void log_copy::sync() {
    if (broken_) return; // a sync that came after a failed one would prove nothing
    if (segment_.is_open()) {
        write();
        if (const int r = segment_.shared()->datasync(); r < 0) fail(-r, log::segment_path(dir_, open_first_));
        synced_ = segment_.offset();
    }
    proven_ = end_;
    durable_ = empty() ? no_seq : end_.next - 1;
}

void log_copy::seal() {
    if (!segment_.is_open() || !covers_seqs()) return write();
    write();
    if (const int r = segment_.seal(bus_.seed()); r < 0) fail(-r, log::segment_path(dir_, open_first_));
    sync();
    segment_.close();
}

void log_copy::add_epoch(const log::epoch_record& record) {
    const auto same = [&](const log::epoch_record& e) { return e.epoch == record.epoch && e.first_seq == record.first_seq; };
    if (std::any_of(epochs_.begin(), epochs_.end(), same)) return;
    log::append_epoch(*fs_, dir_, record, how_.file_mode);
    epochs_.push_back(record);
}

} // namespace link
} // namespace v1
} // namespace evbus

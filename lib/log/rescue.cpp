#include "lib/log/rescue.hpp"

#include "lib/log/recovery.hpp"
#include "lib/log/rescue_files.hpp"
#include "lib/log/rescue_writer.hpp"

#include <evbus/log/segment_walk.hpp>

#include <fmt/format.h>

namespace evbus {
inline namespace v1 {
namespace log {
namespace {

constexpr const char* operation = "repair log";
constexpr std::uint64_t most_torn_bytes = std::uint64_t{64} << 20;

struct stop_asked {};

class copier {
public:
    copier(file_system& fs, const log_dir& from, const log_dir& to, const rescue_options& how)
        : fs_(fs), from_(from), to_(to), how_(how), out_(fs, to, how, report_) {}

    rescue_report run() {
        std::vector<seq_t> firsts;
        if (const int r = list_segments(fs_, from_, firsts); r < 0 && r != -ENOENT) evbus::detail::throw_errno(-r, operation, from_.segments());
        for (const std::string& d : {to_.segments(), to_.runs(), to_.quarantine(), to_.cursors()})
            if (const int r = make_dirs(fs_, d, how_.dir_mode); r < 0) evbus::detail::throw_errno(-r, operation, d);
        try {
            for (const seq_t first : firsts) segment(first, first == firsts.back());
            if (out_.next() != no_seq && how_.known_last < max_seq) out_.own_up_to(how_.known_last + 1);
            out_.finish();
            if (const int r = fs_.sync_dir(to_.segments()); r < 0) evbus::detail::throw_errno(-r, operation, to_.segments());
            rescue_files(fs_, from_, to_, how_, report_);
        } catch (const stop_asked&) {
            report_.stopped = true;
        }
        return std::move(report_);
    }

private:
    void leave_out(const std::string& what) { note_left_out(report_, what); }

    void segment(seq_t first, bool newest) {
        const std::string path = segment_path(from_, first);
        segment_reader in;
        segment_header h{};
        int r = in.open(fs_, path, how_.bus.seed());
        segment_fault fault = segment_fault::io;
        if (r == 0) {
            fault = in.read_header(how_.bus, first, h);
            r = -in.os_error();
        }
        if (r == -EACCES || r == -EPERM || r == -EMFILE || r == -ENFILE || r == -ENOMEM) evbus::detail::throw_errno(-r, operation, path);
        if (fault == segment_fault::version || fault == segment_fault::feature)
            throw error(errc::wrong_version, {operation, path, to_string(fault), "repair it with the version of evbus that wrote it"});
        if (fault == segment_fault::io) return leave_out(fmt::format("segments/{}: it cannot be read ({})", segment_name(first), std::strerror(-r)));
        if (fault == segment_fault::foreign) return leave_out(fmt::format("segments/{}: it belongs to bus {}", segment_name(first), to_string(bus_of(h))));
        const bool fine = fault == segment_fault::none;
        if (fine) epoch_ = static_cast<epoch_t>(h.epoch);
        in.refresh();
        out_.begin_segment(first, epoch_, fine ? h.previous_chain : 0);
        const auto visit = [&](const commit_view& c) {
            read_ += sizeof c.header + c.header.stored_bytes;
            if (how_.go_on && !how_.go_on(read_)) throw stop_asked{};
            out_.take(c);
        };
        chain_state start{how_.bus.seed(), fine ? h.previous_chain : 0, 0, first};
        segment_walk w = walk_segment(in, start, visit);
        while (w.fork) { // readers keep the first of the two; so does this
            const std::uint64_t from = w.fork_end;
            w = walk_segment(in, w.end, visit, from);
        }
        if (w.refused != commit_fault::none)
            throw error(errc::wrong_version, {operation, path, to_string(w.refused), "repair it with the version of evbus that wrote it"});
        if (w.os_error == EIO) leave_out(fmt::format("segments/{}: the disk gives an error behind offset {}", segment_name(first), w.valid_end));
        else if (w.os_error != 0) evbus::detail::throw_errno(w.os_error, operation, path);
        own_up_to_end(in, first, w, newest);
    }

    /// A sealed segment says how far it went; an unfinished write at the log's end is kept in quarantine/.
    void own_up_to_end(segment_reader& in, seq_t first, const segment_walk& w, bool newest) {
        segment_footer footer;
        if (footer.open(in.source(), first, how_.bus.seed())) {
            if (const auto sum = footer.summary(); sum && sum->first_seq == first && sum->last_seq < max_seq) out_.own_up_to(sum->last_seq + 1);
            return;
        }
        if (!newest || w.os_error != 0 || w.valid_end >= w.bytes || w.sealed) return;
        const seq_t last = std::max(w.torn_last, w.end.next - 1);
        const std::string name = fmt::format("{}.{}.{}.torn", seq_digits(first), w.valid_end, seq_digits(last));
        const std::string what = fmt::format("segments/{}, the last {} bytes: an unfinished write", segment_name(first), w.bytes - w.valid_end);
        if (w.bytes - w.valid_end > most_torn_bytes) return leave_out(what + ", too long to keep");
        copy_bytes(fs_, in.source(), w.valid_end, w.bytes, to_.quarantine() + "/" + name, how_.file_mode);
        leave_out(what + ", kept as quarantine/" + name);
    }

    file_system& fs_;
    const log_dir& from_;
    const log_dir& to_;
    const rescue_options& how_;
    rescue_report report_;
    rescue_writer out_;
    epoch_t epoch_ = epoch_t::none;
    std::uint64_t read_ = 0;
};

} // namespace

rescue_report rescue(file_system& fs, const log_dir& from, const log_dir& to, const rescue_options& how) {
    return copier(fs, from, to, how).run();
}

} // namespace log
} // namespace v1
} // namespace evbus

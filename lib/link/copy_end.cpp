#include "lib/link/copy_end.hpp"

#include "lib/log/atomic_file.hpp"

#include <evbus/error.hpp>
#include <evbus/log/epochs.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

constexpr const char* operation = "import into log";
constexpr const char* note_name = "imported";
constexpr std::size_t max_note_bytes = 64;

void fail(int r, std::string_view object) {
    if (r < 0) evbus::detail::throw_errno(-r, operation, object);
}

std::string note_of(const log::chain_state& end) { return fmt::format("{} {:016x}\n", end.next, end.chain); }

/// How far a segment with a whole header is believed.
struct believed {
    std::uint64_t end = sizeof(log::segment_header); ///< of the last commit
    bool whole = false;                              ///< nothing but a footer stands behind
};

believed believe(log::segment_reader& in, const log::segment_state& s, const log::chain_state& log_end, const std::string& path) {
    believed out;
    log::chain_state state{log_end.seed, s.header.previous_chain, 0, s.first};
    bool chain_known = state.chain != 0 || s.first == 1;
    log::commit_view c;
    log::walk w{};
    while ((w = in.read(out.end, c)) == log::walk::commit && !c.misplaced() && c.header.first_seq == state.next &&
           (!chain_known || c.header.previous_chain == state.chain)) {
        state = log::state_after(c.header, log_end.seed);
        chain_known = true;
        out.end = c.end();
    }
    if (w == log::walk::failed) fail(-in.os_error(), path);
    if (w == log::walk::broken && (in.fault() == log::commit_fault::codec || in.fault() == log::commit_fault::version))
        throw error(errc::wrong_version, {operation, path, to_string(in.fault()), "use a program of evbus that was built with it"});
    const bool footer_agrees = s.sealed && state.next == log_end.next && state.chain == log_end.chain;
    out.whole = w == log::walk::end || (w == log::walk::sealed && footer_agrees);
    return out;
}

/// A sync of the file itself would prove nothing if an earlier one failed.
void write_afresh(log::file_system& fs, const log::log_dir& dir, const log::file& in, std::uint64_t bytes, const std::string& path, unsigned mode) {
    const std::string fresh = path + ".fresh";
    try {
        log::copy_bytes(fs, in, 0, bytes, fresh, mode);
        fail(fs.rename(fresh, path), fresh);
    } catch (...) {
        fs.unlink(fresh);
        throw;
    }
    fail(fs.sync_dir(dir.segments()), dir.segments());
}

void write_epochs_afresh(log::file_system& fs, const log::log_dir& dir, unsigned mode) {
    std::string text;
    const int r = log::detail::read_text(fs, dir.epochs(), log::detail::max_epochs_bytes, text);
    if (r == -ENOENT) return;
    fail(r, dir.epochs());
    fail(log::replace_file(fs, dir.root, "epochs", std::as_bytes(std::span(text)), mode), dir.epochs());
}

bool ends_whole(const log::log_state& found) {
    if (found.empty()) return true;
    const log::segment_state& s = found.segments.back();
    return s.header_fault == log::segment_fault::none && s.walk.holes.empty() && (s.sealed || !s.walk.has_torn_tail());
}

} // namespace

bool is_known_durable(log::file_system& fs, const log::log_dir& dir, const log::chain_state& end) {
    std::string text;
    return log::detail::read_text(fs, dir.root + "/" + note_name, max_note_bytes, text) == 0 && text == note_of(end);
}

void note_durable(log::file_system& fs, const log::log_dir& dir, const log::chain_state& end, unsigned mode) noexcept {
    try {
        const std::string text = note_of(end);
        static_cast<void>(log::replace_file(fs, dir.root, note_name, std::as_bytes(std::span(text)), mode));
    } catch (const std::bad_alloc&) {
    }
}

bool settle_end(log::file_system& fs, const log::log_dir& dir, log::log_state& found, unsigned mode, const notice_hook& notices) {
    if (ends_whole(found) && is_known_durable(fs, dir, found.end)) return false;
    write_epochs_afresh(fs, dir, mode);
    if (found.empty()) return false;
    log::segment_state& s = found.segments.back();
    const std::string path = log::segment_path(dir, s.first);
    const seq_t last = std::max(s.walk.torn_last, s.last());
    if (s.header_fault != log::segment_fault::none) {
        // Nothing says what its commits build on: all of it goes.
        s.walk.torn_last = last;
        s.walk.end.next = s.first;
        log::repair(fs, dir, found, mode, notices);
        return true;
    }
    log::segment_reader in;
    fail(in.open(fs, path, found.bus.seed()), path);
    const believed good = believe(in, s, found.end, path);
    if (!good.whole) {
        const std::string kept = fmt::format("{}.{}.{}.torn", log::seq_digits(s.first), good.end, log::seq_digits(last));
        log::keep_tail(fs, dir, in.source(), good.end, s.bytes, kept, mode);
        if (notices)
            notices({notice_kind::repaired,
                     fmt::format("log {}: an import into segment {} was interrupted: {} bytes from offset {} on moved to quarantine/{}; "
                                 "what they held has to come again",
                                 dir.root, log::segment_name(s.first), s.bytes - good.end, good.end, kept)});
    }
    write_afresh(fs, dir, in.source(), good.whole ? s.bytes : good.end, path, mode);
    return true;
}

} // namespace link
} // namespace v1
} // namespace evbus

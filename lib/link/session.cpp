#include "lib/link/session.hpp"

#include <evbus/error.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace link {
namespace {

/// So long nothing comes before what came is synced.
constexpr int idle_ms = 20;

/// True while the stream goes on.
bool take(part what, const stream_reader& in, importer& to) {
    switch (what) {
    case part::header: to.take(in.header()); break;
    case part::segment: to.take(in.segment()); break;
    case part::commit: to.take(in.commit(), in.stored()); break;
    case part::mark: to.take(in.mark(), in.text()); break;
    case part::idle:
        if (to.is_dirty()) to.sync();
        break;
    case part::stopped:
    case part::over: return false;
    }
    return true;
}

ending take_all(byte_source& from, importer& to, const import_hook& progress, bool until_closed) {
    stream_reader in(from);
    try {
        part what = part::idle;
        while (take(what = in.next(to.is_dirty() ? idle_ms : 250), in, to)) {
            if (progress) progress({in.bytes(), in.header().bytes});
            if (to.is_whole() && !until_closed) return ending::whole;
        }
        to.sync();
        if (to.is_whole()) return ending::whole;
        if (what == part::stopped) return ending::stopped;
    } catch (...) {
        to.sync();
        throw;
    }
    throw error(errc::cut_short, {"read stream", from.name(), "it ends without its end mark, at byte " + std::to_string(in.bytes()),
                                  "export again from seq " + std::to_string(to.next_seq()) + " on: what came before is kept"});
}

void refuse(fd_channel& peer, const bus_id& bus, seq_t wanted, std::string_view why) {
    byte_buffer out;
    stream_header h{};
    h.bus_id[0] = bus.words[0];
    h.bus_id[1] = bus.words[1];
    h.first_seq = std::max<seq_t>(wanted, 1);
    append_header(out, h);
    append_mark(out, blank_mark(mark_kind::refusal), bus.seed(), why);
    peer.write_last(out);
}

/// What the importer wants; false when it was stopped meanwhile.
bool hear_request(stream_reader& in) {
    while (true) {
        const part what = in.next();
        if (what == part::header) return true;
        if (what == part::stopped) return false;
    }
}

/// The importer's last word.
ending hear_held(stream_reader& in, const fd_channel& peer, seq_t last) {
    while (true) {
        const part what = in.next();
        if (what == part::idle) continue;
        if (what == part::stopped) return ending::stopped;
        if (what == part::mark && in.mark().kind == static_cast<std::uint32_t>(mark_kind::held) && in.mark().last >= last)
            return ending::whole;
        throw error(errc::cut_short, {"export log", peer.name(), "the importer closed the connection and did not say that it holds all", "look at what it said"});
    }
}

} // namespace

ending import_stream(byte_source& from, importer& to, const import_hook& progress) {
    return take_all(from, to, progress, true);
}

ending import_from_peer(fd_channel& peer, importer& to, const import_hook& progress) {
    byte_buffer out;
    const stream_header wanted = to.request();
    append_header(out, wanted);
    if (!peer.write(out)) return ending::stopped;
    const ending how = take_all(peer, to, progress, false);
    if (how != ending::whole) return how;
    out.clear();
    stream_mark m = blank_mark(mark_kind::held);
    m.last = to.durable();
    append_mark(out, m, bus_of(wanted).seed());
    peer.write_last(out);
    return how;
}

ending export_to_peer(fd_channel& peer, log::file_system& fs, const std::string& dir, const bus_id& bus, export_options how,
                      export_counts& counts) {
    stream_reader in(peer, true);
    if (!hear_request(in)) return ending::stopped;
    const stream_header& wanted = in.header();
    const bus_id theirs = bus_of(wanted);
    if (wanted.first_seq != no_seq) how.from = wanted.first_seq;
    std::optional<exporter> out;
    try {
        if (!theirs.empty() && theirs != bus)
            throw error(errc::foreign_log, {"export log", dir, "it is of bus " + to_string(bus) + ", the importer's of bus " + to_string(theirs),
                                            "name another log, or an empty directory there"});
        out.emplace(fs, dir, bus, std::move(how));
    } catch (const error& e) {
        refuse(peer, bus, wanted.first_seq, e.what());
        throw;
    }
    bool whole = false;
    try {
        whole = out->run(peer);
    } catch (...) {
        counts = out->counts();
        throw;
    }
    counts = out->counts();
    return whole ? hear_held(in, peer, counts.seqs.last) : ending::stopped;
}

} // namespace link
} // namespace v1
} // namespace evbus

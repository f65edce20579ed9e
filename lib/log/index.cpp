#include "lib/log/index.hpp"

#include "lib/log/atomic_file.hpp"

#include <cstring>

namespace evbus {
inline namespace v1 {
namespace log {

bool open_index(file_system& fs, const log_dir& dir, seq_t first, std::uint64_t segment_bytes, const bus_id& bus,
                segment_index_file& out) {
    const int fd = fs.open(index_path(dir, first), O_RDONLY, 0);
    if (fd < 0) return false;
    out.source = file(fs, fd);
    index_header h;
    if (out.source.read_at(&h, sizeof h, 0) != static_cast<std::int64_t>(sizeof h)) return false;
    if (h.magic != index_magic || checksum_of(h, bus.seed()) != h.checksum || h.version > log_format_version ||
        bus_id{{h.bus_id[0], h.bus_id[1]}} != bus || h.first_seq != first || h.segment_bytes != segment_bytes)
        return false;
    return out.sections.open(out.source, first, bus.seed());
}

segment_index build_index(segment_reader& in, const chain_state& start, segment_walk& walked) {
    segment_index out(start.next);
    walked = walk_segment(in, start, [&](const commit_view& c) { out.note(c.header, c.body, c.offset, start.seed); });
    return out;
}

int write_index(file_system& fs, const log_dir& dir, const segment_index& index, std::uint64_t segment_bytes,
                const bus_id& bus, unsigned mode) {
    const seq_t first = index.summary().first_seq;
    index_header h{index_magic, log_format_version, 0, {bus.words[0], bus.words[1]}, first, segment_bytes, 0};
    h.checksum = checksum_of(h, bus.seed());
    const std::vector<std::byte> footer = index.encode(sizeof h, bus.seed());
    std::vector<std::byte> all(sizeof h + footer.size());
    std::memcpy(all.data(), &h, sizeof h);
    std::memcpy(all.data() + sizeof h, footer.data(), footer.size());
    return replace_file(fs, dir.segments(), index_name(first), all, mode);
}

} // namespace log
} // namespace v1
} // namespace evbus

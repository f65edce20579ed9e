// One commit whose checksums are right and whose records, or compressed body, are anything at all.
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/small_log.hpp"

#include <evbus/log/commit_check.hpp>
#include <evbus/log/record.hpp>

#include <zstd.h>

using namespace fuzz;

namespace {

enum form : std::uint8_t { plain, packed, frame_as_given, form_count };

std::string text(std::span<const std::uint8_t> from) { return {from.begin(), from.end()}; }

std::string zipped(const std::string& raw) {
    std::string out(ZSTD_compressBound(raw.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), 1));
    return out;
}

/// Records as {kind, flags, body} with lengths that are right, then what is left of the input as it is.
std::string records(input& in) {
    std::string out;
    for (std::size_t n = in.byte() % 16; n != 0 && !in.empty(); --n) {
        elog::record_prefix p{};
        p.kind = in.byte();
        p.flags = in.byte();
        std::string body = text(in.stretch());
        body.resize((body.size() + 7) & ~std::size_t{7});
        p.bytes = static_cast<std::uint32_t>(sizeof p + body.size());
        out.append(reinterpret_cast<const char*>(&p), sizeof p).append(body);
    }
    out += text(in.all());
    out.resize((out.size() + 7) & ~std::size_t{7});
    return out;
}

template <class T>
void append(std::string& to, const T& what) {
    to.append(reinterpret_cast<const char*>(&what), sizeof what);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input in(data, size);
    const std::uint64_t seed = log_bus.seed();
    const std::uint8_t how = in.byte();
    elog::commit_header h{};
    h.magic = elog::commit_magic;
    h.version = 1;
    h.first_seq = in.byte() < 128 ? 1 : in.word();
    h.last_seq = h.first_seq + in.number<std::uint16_t>() - 1;
    if ((how & 0x80) != 0) h.last_seq = in.word();
    h.record_count = in.byte();
    h.raw_bytes = in.number<std::uint16_t>() * 8U; // for a body that is given
    const std::string given = records(in);
    std::string stored = given;
    if (how % form_count == packed) stored = zipped(given);
    stored.resize((stored.size() + 7) & ~std::size_t{7});
    if (how % form_count != frame_as_given) h.raw_bytes = static_cast<std::uint32_t>(given.size());
    h.codec = how % form_count == plain ? 0 : 1;
    h.stored_bytes = static_cast<std::uint32_t>(stored.size());
    h.body_hash = evbus::detail::xxh3(given.data(), given.size(), seed);
    h.stored_checksum = evbus::detail::xxh3(stored.data(), stored.size(), seed);
    h.place = sizeof(elog::segment_header);
    h.header_checksum = elog::header_checksum(h, seed);

    std::string segment = whole_segment(segment_kind::growing).substr(0, sizeof(elog::segment_header));
    append(segment, h);
    segment += stored;
    if ((how & 0x40) != 0) segment += next_segment().substr(sizeof(elog::segment_header)); // commits of another place
    memory_files files;
    files[elog::segment_path(log_place, 1)] = segment;
    if ((how & 0x20) != 0) files[elog::segment_path(log_place, next_first())] = next_segment();
    meet_log(files);
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    const std::string& whole = whole_segment(segment_kind::growing);
    elog::commit_header h;
    std::memcpy(&h, whole.data() + sizeof(elog::segment_header), sizeof h);
    const std::string body = whole.substr(sizeof(elog::segment_header) + sizeof h, h.raw_bytes);
    const bytes all(body.begin(), body.end());
    const auto begin = [](unsigned how, unsigned seqs, unsigned count, std::size_t raw) {
        return writer().byte(how).byte(0).half(seqs).byte(count).half(raw / 8).byte(0);
    };
    const std::string zip = zipped(body);
    std::vector<bytes> out{
        begin(plain, 10, 9, 0).append(all).done(),
        begin(packed, 10, 9, 0).append(all).done(),
        begin(frame_as_given, 10, 9, body.size()).append({reinterpret_cast<const std::uint8_t*>(zip.data()), zip.size()}).done(),
        begin(packed | 0x60, 2, 9, 0).append(all).done(),
        begin(plain, 0, 0, 0).done(),
    };
    for (unsigned kind = 0; kind < 10; ++kind)
        out.push_back(writer().byte(kind % 2).byte(0).half(3).byte(1).half(0).byte(1).byte(kind).byte(0).stretch(std::string("\1\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 24)).done());
    return out;
}

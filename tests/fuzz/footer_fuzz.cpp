// Sections of a footer, or of an index beside its segment, that say anything at all under right checksums: they
// are advice, and whoever follows it ends where the commits end.
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/small_log.hpp"

#include "lib/log/index.hpp"

using namespace fuzz;

namespace {

enum shape : std::uint8_t { as_footer, as_index, as_both };

std::vector<std::byte> rebuilt(input& in, std::uint64_t at) {
    memory_files files;
    files["whole"] = whole_segment(segment_kind::sealed);
    const elog::file whole(files, files.open("whole", O_RDONLY, 0));
    elog::segment_footer from;
    (void)from.open(whole, 1, log_bus.seed());
    elog::footer_builder to(at, 1, log_bus.seed());
    for (std::uint32_t kind = 1; kind <= 7; ++kind) {
        const std::uint8_t how = in.byte();
        if (how == 1) continue; // left out
        elog::section body;
        if (auto there = from.read(static_cast<elog::section_kind>(kind))) body = std::move(*there);
        for (std::uint8_t n = how % 4; n != 0 && !body.body.empty(); --n)
            in.patch({reinterpret_cast<std::uint8_t*>(body.body.data()), body.body.size()});
        if ((how & 0x10) != 0) body.body.resize(in.number<std::uint16_t>() % (body.body.size() + 64));
        if ((how & 0x20) != 0) body.flags = in.byte();
        to.add(static_cast<elog::section_kind>(kind), body.flags, body.body);
    }
    return to.finish();
}

std::string text(const std::vector<std::byte>& from) { return {reinterpret_cast<const char*>(from.data()), from.size()}; }

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input in(data, size);
    const std::uint8_t how = in.byte();
    const std::string& commits = whole_segment(segment_kind::growing);
    memory_files files;
    std::string segment = commits;
    if (how % 3 != as_index) segment += text(rebuilt(in, commits.size()));
    if (how % 3 != as_footer) {
        elog::index_header h{elog::index_magic, 1, 0, {log_bus.words[0], log_bus.words[1]}, 1, segment.size(), 0};
        h.checksum = elog::checksum_of(h, log_bus.seed());
        files[elog::index_path(log_place, 1)] = std::string(reinterpret_cast<const char*>(&h), sizeof h) + text(rebuilt(in, sizeof h));
    }
    if ((how & 0x40) != 0) segment[400] = static_cast<char>(segment[400] ^ 1); // a break, so that the index is asked
    files[elog::segment_path(log_place, 1)] = segment;
    if ((how & 0x80) == 0) files[elog::segment_path(log_place, next_first())] = next_segment();
    elog::segment_index_file index;
    (void)elog::open_index(files, log_place, 1, segment.size(), log_bus, index);
    meet_log(files);
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    std::vector<bytes> out;
    for (const unsigned how : {0U, 1U, 0x42U}) {
        out.push_back(writer().byte(how).done());
        for (int section = 0; section < 6; ++section) {
            writer w;
            w.byte(how);
            for (int i = 0; i < section; ++i) w.byte(0);
            out.push_back(writer(w).byte(2).half(8).stretch("\xff\xff\xff\xff").half(24).stretch("\x07").done());
            out.push_back(writer(w).byte(1).done());
            out.push_back(writer(w).byte(0x30).half(9).byte(3).done());
        }
    }
    return out;
}

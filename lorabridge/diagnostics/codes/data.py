"""LB4xx: datasets."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code(
        "LB401",
        "data not found",
        "A folder or file of the data does not exist.",
        "Trainers train on nothing, delete caches, or hang.",
        "",
        "",
    ),
    Code(
        "LB402", "no usable data", "The folder holds no pictures or clips that the trainer reads.", "Trainers drop them in silence.", "", ""
    ),
    Code(
        "LB403",
        "captions missing",
        "Pictures have no caption file.",
        "musubi-tuner and diffusion-pipe drop them, ai-toolkit trains on an empty prompt.",
        "",
        "",
    ),
    Code(
        "LB404",
        "caption empty",
        "A caption file holds nothing but white space.",
        "The picture is trained without a prompt: what it shows is learnt always, not on call.",
    ),
    Code("LB405", "caption not UTF-8", "A caption or list is in another encoding.", "Trainers read UTF-8 and stop, some of them hang."),
    Code("LB406", "byte order mark", "A caption starts with U+FEFF.", "Trainers read plain UTF-8: the mark becomes part of the prompt."),
    Code(
        "LB407",
        "control character in a caption",
        "A caption holds NUL or another control character.",
        "It reaches the tokenizer, or cuts the text.",
    ),
    Code("LB408", "caption too long", "A caption is longer than text encoders read.", "What stands at its end is cut off in silence."),
    Code(
        "LB409",
        "trigger word absent",
        "A caption lacks the trigger word, and the trainer does not add it.",
        "What the picture shows is not tied to the word.",
    ),
    Code(
        "LB410",
        "two files of one name",
        "Two pictures differ in their endings only.",
        "They share a caption, and with musubi-tuner a cache file.",
    ),
    Code(
        "LB411",
        "caption without a picture",
        "A caption file has no picture or clip of its name.",
        "A picture may have been lost or renamed.",
    ),
    Code("LB412", "file broken", "A file's header cannot be read.", "Trainers stop at it or leave it out."),
    Code("LB413", "file cut short", "The end of a file is missing.", "The header reads well and the pixels do not: trainers fail late."),
    Code(
        "LB414",
        "ending and content differ",
        "A file holds another format than its ending says.",
        "Tools that trust the name do not open it.",
    ),
    Code(
        "LB415",
        "EXIF orientation",
        "A picture is stored turned, with a note to turn it back.",
        "Trainers that ignore the note learn it lying on its side.",
    ),
    Code("LB416", "transparency", "A picture has an alpha channel.", "Trainers cut it off or put a colour there."),
    Code("LB417", "CMYK", "A picture is in printing colours.", "The conversion ignores the profile: colours shift."),
    Code("LB418", "more than 8 bits", "A picture has more than 8 bits per channel.", "It is reduced, greyscale often to white."),
    Code("LB419", "palette", "A picture has at most 256 colours.", "Dithering and banding are learnt."),
    Code("LB420", "animated", "A picture has several frames.", "Only the first is used, or the trainer stops."),
    Code("LB421", "too small", "A picture is smaller than the training size.", "It is enlarged, and its blur is learnt."),
    Code("LB422", "exact duplicate", "Two files hold the same bytes.", "The picture weighs twice."),
    Code("LB423", "near duplicate", "Two pictures are nearly the same.", "The model learns this very picture."),
    Code("LB424", "mask missing", "A picture has no mask in the folder of masks.", "All of it is trained."),
    Code("LB425", "mask of another size", "A mask is not of its picture's size.", "diffusion-pipe stops; others stretch it."),
    Code("LB426", "control picture missing", "A picture has no control picture.", "Trainers stop, or train without."),
    Code(
        "LB427",
        "control picture of another shape",
        "A control picture has another aspect ratio than its picture.",
        "It is cropped or squeezed.",
    ),
    Code(
        "LB428", "companions among the data", "Masks or control pictures lie where pictures are searched.", "They are trained as pictures."
    ),
    Code("LB429", "captions.json wrong", "captions.json is not an object of lists of texts.", "diffusion-pipe dies on it and hangs."),
    Code("LB430", "bad line in a list", "A line of a JSON Lines file cannot be used.", "The trainer stops at it."),
    Code(
        "LB431",
        "listed file",
        "A list names a file that is not there, or by a relative path.",
        "Trainers stop, or look in their own folder.",
    ),
    Code("LB432", "clip too short", "A clip has fewer frames than a training sample.", "It is left out in silence, or stretched."),
    Code("LB433", "frame rate", "A clip runs at another rate than the model was trained at.", "Motion is learnt at another speed."),
    Code("LB434", "length unknown", "A clip's header does not tell its length.", "How many samples it gives is not known in advance."),
    Code(
        "LB435", "data folder not writable", "The trainer writes into the data folder and may not.", "It stops after the model was loaded."
    ),
    Code(
        "LB436", "file not taken", "A file looks like data and the trainer does not take it, or the reverse.", "It is left out in silence."
    ),
    Code("LB437", "data in sub-folders", "Pictures lie in sub-folders that are not searched.", "They are left out in silence."),
    Code("LB438", "hidden data", "Pictures or folders start with a dot.", "They are passed over."),
    Code(
        "LB439",
        "few pictures",
        "There are fewer pictures than the guides recommend.",
        "The model repeats them instead of learning from them.",
    ),
    Code("LB440", "old cache", "A cache in the data folder is older than the data.", "Replaced pictures are trained as they were."),
    Code("LB441", "no regular file", "A name that looks like data is a pipe, a device or a dead link.", "Trainers wait for ever or stop."),
    Code("LB442", "cannot be opened", "A file or folder cannot be opened.", "Trainers stop at it."),
    Code(
        "LB443",
        "troublesome name",
        "A file name holds line breaks, control characters or bytes that are no UTF-8.",
        "Lists, logs and caches break.",
    ),
    Code("LB444", "too many files", "There is more than a scan looks at.", "What lies beyond was not checked."),
    Code("LB445", "too many pixels", "A picture has more pixels than Pillow opens.", "Pillow refuses it as a decompression bomb."),
    Code("LB446", "broken pixels", "A picture's header is fine, its pixels are not.", "Trainers fail when they reach it."),
    Code("LB447", "pixels not looked at", "Pillow is not installed.", "Near duplicates and broken pixels cannot be found."),
    Code(
        "LB449",
        "caption not edited",
        "A caption file cannot be changed safely.",
        "Links, special files and unknown encodings are left as they are.",
    ),
    Code(
        "LB450", "undo impossible", "A caption changed since the edit, or the journal is broken.", "Undoing would destroy the newer text."
    ),
)

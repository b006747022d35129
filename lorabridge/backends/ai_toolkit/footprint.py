"""What ai-toolkit keeps in memory, read at 27a03a91."""

from __future__ import annotations

from lorabridge.backends.footprint import Footprint, Only

FOOTPRINT = Footprint(
    adapter_bytes=4,
    encoder_stays=True,
    adapted={
        "z-image": Only(r"^layers\.", "", "diffusion_models/z_image/z_image.py:464; 240 modules, backends/ai_toolkit.md 1"),
        "zeta-chroma": Only(r"^layers\.", "", "diffusion_models/zeta_chroma/zeta_chroma_model.py:368"),
    },
    source="LoRA forced to fp32: jobs/process/BaseSDTrainProcess.py:1983; every linear layer is quantized: toolkit/util/quantize.py",
)

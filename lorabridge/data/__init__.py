"""Datasets on disk: headers of pictures and clips, what each trainer would find, defects, buckets, captions and their bulk edits."""

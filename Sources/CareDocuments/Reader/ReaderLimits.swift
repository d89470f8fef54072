/// What a stranger's file may cost. Each bound says what happens at it.
package struct ReaderLimits: Sendable {
    /// Processor time of one tool; beyond it the tool is killed: `ReaderTrouble.slow`. The costliest page of the corpus takes
    /// 15 s of one (`pdftoppm`), recognising one 3 s, on the machine of docs/architecture/performance.md.
    package var processorSeconds = 60
    /// Wall time of one tool; beyond it as above. For one that waits and does nothing: what works is bounded by the processor
    /// time, of which a busy machine may give it a fifth. A page is not refused because somebody else was busy.
    package var wallSeconds = 300
    /// Address space of one tool; beyond it the file is `.tooBig`.
    package var memoryBytes = 1_536 * 1024 * 1024
    /// What one tool may say, and the text of one page; beyond it the file is `.tooBig`.
    package var textBytes = 4 * 1024 * 1024
    /// A picture of a page; beyond it the file is `.tooBig`.
    package var pictureBytes = 24 * 1024 * 1024
    /// One file a tool keeps for itself meanwhile, such as ImageMagick's pixels that do not fit its memory.
    package var scratchBytes = 1024 * 1024 * 1024
    /// More pages are `.tooManyPages`.
    package var pages = 200
    /// A picture with a longer side, or more pixels, is `.tooBig` before any tool sees it.
    package var sidePixels = 16_000
    package var pixels = 64_000_000
    /// Scalars of one page that are kept; the rest of it is left out.
    package var pageScalars = 200_000
    /// Characters of a plain text that make a page.
    package var textPageCharacters = 3_000
    /// Long side of a picture that is kept.
    package var keptPixels = 1_600
    /// Long side of what the recogniser sees: letters get at least some 20 pixels on an ordinary page.
    package var recognisedPixels = 2_400...3_400

    package init() {}
}

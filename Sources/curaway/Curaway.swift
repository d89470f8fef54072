@main struct Curaway { static func main() {} }

// Made by scripts/types.mjs from the OpenAPI document: don't edit.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * AbilityOut
         * @description Whether something can be done, and if not, what is missing and where to get it.
         */
        AbilityOut: {
            /** Name */
            name: string;
            /**
             * Ready
             * @description In one way at least.
             */
            ready: boolean;
            /** Reason */
            reason: string;
            /** @description The reason, with its code. */
            said: components["schemas"]["SaidOut"];
            /** Get */
            get: components["schemas"]["GetOut"][];
            /**
             * Choices
             * @description Its ways, e.g. canny, depth and pose; empty if there is only one.
             */
            choices: components["schemas"]["ChoiceOut"][];
        };
        /**
         * AddedOut
         * @description What became of an uploaded file.
         */
        AddedOut: {
            /** Title */
            title: string;
            /**
             * File
             * @description The photo's name; empty if it was not taken.
             */
            file: string;
            /**
             * Twin
             * @description A photo with the same bytes, which was there already.
             */
            twin: string;
            /** Note */
            note: string;
            /** Code */
            code: string;
            /** Message */
            message: string;
            /** Hint */
            hint: string;
            said: components["schemas"]["ErrorSaid"] | null;
            /** @description The note, with its code. */
            said_note: components["schemas"]["SaidOut"];
        };
        /**
         * AgainBody
         * @description Settings of a new job, made of an old one.
         */
        AgainBody: {
            /**
             * Settings
             * @description Any settings of the job; GET /presets lists them.
             */
            settings?: {
                [key: string]: components["schemas"]["JsonValue"];
            };
        };
        /**
         * AllQuery
         * @description The same over all characters.
         */
        AllQuery: {
            /**
             * Finding
             * @description Codes; any of them. Also `any` and `none`.
             * @default []
             */
            finding: string[];
            /**
             * Captions
             * @default any
             * @enum {string}
             */
            captions: "any" | "empty" | "present" | "without_trigger";
            /**
             * Q
             * @description Words in caption, title or name.
             * @default
             */
            q: string;
            /**
             * Rejected
             * @default null
             */
            rejected: boolean | null;
            /**
             * State
             * @default []
             */
            state: ("ok" | "new" | "changed" | "unmeasured" | "damaged")[];
            /**
             * Added From
             * @default
             */
            added_from: string;
            /**
             * Added To
             * @default
             */
            added_to: string;
            /**
             * Least Side
             * @default 0
             */
            least_side: number;
            /**
             * Most Side
             * @default 0
             */
            most_side: number;
            /**
             * Sort
             * @default added
             * @enum {string}
             */
            sort: "added" | "taken" | "name" | "title" | "size" | "bytes" | "findings" | "caption";
            /**
             * Descending
             * @default false
             */
            descending: boolean;
            /**
             * Cursor
             * @default
             */
            cursor: string;
            /**
             * Limit
             * @description The most entries of a page.
             * @default 100
             */
            limit: number;
            /**
             * Character
             * @default []
             */
            character: string[];
        };
        /**
         * AlsoIn
         * @description Another character in the same picture, of the same base model.
         */
        AlsoIn: {
            /**
             * Character
             * @description Id; empty: the LoRA's.
             * @default
             */
            character: string;
            /**
             * Lora
             * @description Id; empty: the character's latest.
             * @default
             */
            lora: string;
            /**
             * Strength
             * @description Of the LoRA; null: the character's.
             * @default null
             */
            strength: number | null;
        };
        /**
         * ArtifactList
         * @description The files of a job.
         */
        ArtifactList: {
            /** Artifacts */
            artifacts: components["schemas"]["ArtifactOut"][];
        };
        /**
         * ArtifactOut
         * @description One file.
         */
        ArtifactOut: {
            /** Name */
            name: string;
            /**
             * Kind
             * @enum {string}
             */
            kind: "lora" | "checkpoint" | "sample" | "photo" | "record";
            /** Bytes */
            bytes: number;
            /** Step */
            step: number | null;
            /**
             * Index
             * @description Of a sample: which prompt.
             */
            index: number | null;
            /** Url */
            url: string;
        };
        /**
         * BaseModelOut
         * @description A base model that can be trained on.
         */
        BaseModelOut: {
            /**
             * Family
             * @enum {string}
             */
            family: "mini" | "flux1-dev";
            /** Title */
            title: string;
            /** Ready */
            ready: boolean;
            /** Parts */
            parts: components["schemas"]["PartOut"][];
        };
        /**
         * BaseOut
         * @description A base model's file that can be chosen, as `base_file`, and what suits it.
         */
        BaseOut: {
            /** Name */
            name: string;
            /** Title */
            title: string;
            /** Steps */
            steps: number;
            /** Guidance */
            guidance: number;
        };
        /**
         * BrokenCharacter
         * @description A folder whose character.json can't be used.
         */
        BrokenCharacter: {
            /**
             * Code
             * @description Stands in ERROR_LIST.md.
             */
            code: string;
            /** Message */
            message: string;
            /**
             * Hint
             * @description What to do next.
             */
            hint: string;
            /** @default null */
            said: components["schemas"]["ErrorSaid"] | null;
            /** Id */
            id: string;
        };
        /**
         * BrokenJob
         * @description A job folder that can't be read.
         */
        BrokenJob: {
            /**
             * Code
             * @description Stands in ERROR_LIST.md.
             */
            code: string;
            /** Message */
            message: string;
            /**
             * Hint
             * @description What to do next.
             */
            hint: string;
            /** @default null */
            said: components["schemas"]["ErrorSaid"] | null;
            /** Id */
            id: string;
        };
        /**
         * BundleQuery
         * @description What else goes in.
         */
        BundleQuery: {
            /**
             * Photos
             * @description Photos and sample pictures too.
             * @default false
             */
            photos: boolean;
        };
        /**
         * CaptionChangeOut
         * @description One caption before and after.
         */
        CaptionChangeOut: {
            /** Character */
            character: string;
            /** File */
            file: string;
            /** Before */
            before: string;
            /** After */
            after: string;
        };
        /**
         * CaptionerList
         * @description All captioners.
         */
        CaptionerList: {
            /** Captioners */
            captioners: components["schemas"]["CaptionerOut"][];
        };
        /**
         * CaptionerOut
         * @description Something that describes photos.
         */
        CaptionerOut: {
            /** Name */
            name: string;
            /** Ready */
            ready: boolean;
            /**
             * Reason
             * @description What is missing; empty if nothing is.
             */
            reason: string;
            /**
             * Hint
             * @description Where to get it and where to put it.
             */
            hint: string;
            /** @description The reason, with its code. */
            said: components["schemas"]["SaidOut"];
            /** @description The hint, with its code. */
            said_hint: components["schemas"]["SaidOut"];
            /**
             * Needs Model
             * @description It looks at the pictures with a model; else it says what was measured.
             */
            needs_model: boolean;
        };
        /**
         * CaptioningBrief
         * @description A run of a captioner in a list.
         */
        CaptioningBrief: {
            /** Id */
            id: string;
            /** Captioner */
            captioner: string;
            /**
             * State
             * @enum {string}
             */
            state: "waiting" | "running" | "done" | "cancelled" | "failed" | "interrupted";
            /** Reason */
            reason: string;
            /** @description The reason, with its code. */
            said: components["schemas"]["SaidOut"];
            /** Preview */
            preview: boolean;
            /** Done */
            done: number;
            /** Total */
            total: number;
            /** Changes */
            changes: number;
            /** Failed */
            failed: number;
            /** Undo */
            undo: string;
            /** Created */
            created: string;
        };
        /**
         * CaptioningList
         * @description The latest runs, the newest first.
         */
        CaptioningList: {
            /** Runs */
            runs: components["schemas"]["CaptioningBrief"][];
        };
        /**
         * CaptioningOut
         * @description A run of a captioner.
         */
        CaptioningOut: {
            /** Id */
            id: string;
            /** Captioner */
            captioner: string;
            /**
             * State
             * @enum {string}
             */
            state: "waiting" | "running" | "done" | "cancelled" | "failed" | "interrupted";
            /**
             * Reason
             * @description Why it waits, or why it ended.
             */
            reason: string;
            /** Preview */
            preview: boolean;
            /**
             * Done
             * @description Photos that were looked at.
             */
            done: number;
            /** Total */
            total: number;
            /**
             * Changes
             * @description What was said. Written, if `undo` says so.
             */
            changes: components["schemas"]["CaptionChangeOut"][];
            /** Failed */
            failed: components["schemas"]["FailedPhoto"][];
            /**
             * Undo
             * @description For POST /images/captions/undo; empty: nothing is written.
             */
            undo: string;
            /**
             * Conflicts
             * @description Changed or gone since they were described: left as they are.
             */
            conflicts: components["schemas"]["Key"][];
            error: components["schemas"]["Failure"] | null;
            /** Created */
            created: string;
            /** Correlation Id */
            correlation_id: string;
        };
        /**
         * CaptionsBody
         * @description One edit of many captions.
         */
        CaptionsBody: {
            /** Photos */
            photos: components["schemas"]["Key"][];
            /**
             * Edit
             * @description kind: set, prepend, append, replace, … and what belongs to it.
             */
            edit: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * Preview
             * @description Only say what would change.
             * @default false
             */
            preview: boolean;
        };
        /**
         * CaptionsOut
         * @description What changed, or would.
         */
        CaptionsOut: {
            /** Changes */
            changes: components["schemas"]["CaptionChangeOut"][];
            /**
             * Undo
             * @description For POST /images/captions/undo; empty for a preview.
             */
            undo: string;
        };
        /**
         * CharacterChanges
         * @description What is to be changed; the rest stays.
         */
        CharacterChanges: {
            /**
             * Name
             * @default null
             */
            name: string | null;
            /**
             * Trigger Word
             * @default null
             */
            trigger_word: string | null;
            /**
             * Class Word
             * @default null
             */
            class_word: string | null;
            /**
             * Notes
             * @default null
             */
            notes: string | null;
            /**
             * Cover
             * @description A photo that is to stand for the character; empty: the first one.
             * @default null
             */
            cover: string | null;
            /**
             * Cover Picture
             * @description A picture of the gallery that is to stand for it instead; empty: no picture.
             * @default null
             */
            cover_picture: string | null;
            /**
             * Lora
             * @description The LoRA that its pictures are made with; empty: always the latest.
             * @default null
             */
            lora: string | null;
            /**
             * Strength
             * @default null
             */
            strength: number | null;
            /**
             * Family
             * @description The base model that its photos are judged for; empty: the usual one.
             * @default null
             */
            family: string | null;
        };
        /**
         * CharacterList
         * @description All characters by name.
         */
        CharacterList: {
            /** Characters */
            characters: components["schemas"]["CharacterOut"][];
            /**
             * Broken
             * @description On the first page.
             */
            broken: components["schemas"]["BrokenCharacter"][];
            /**
             * Next
             * @description Cursor of the next page; empty on the last.
             * @default
             */
            next: string;
        };
        /**
         * CharacterOut
         * @description A character.
         */
        CharacterOut: {
            /**
             * Id
             * @description Stays when the name changes.
             */
            id: string;
            /** Name */
            name: string;
            /** Trigger Word */
            trigger_word: string;
            /** Class Word */
            class_word: string;
            /** Notes */
            notes: string;
            /**
             * Cover
             * @description The photo that was chosen to stand for the character; empty: none was.
             */
            cover: string;
            /**
             * Cover Picture
             * @description The picture of the gallery that was; empty: none was.
             */
            cover_picture: string;
            /**
             * Thumb
             * @description Address of a small picture of what stands for it: what was chosen, else its first photo; empty if it has none.
             */
            thumb: string;
            /**
             * Photos
             * @description How many are trained on.
             */
            photos: number;
            /**
             * Lora
             * @description Id of the LoRA that was chosen for it; empty: its latest is used.
             */
            lora: string;
            /** Strength */
            strength: number;
            /** Family */
            family: string;
            /**
             * Sample
             * @description It is the character that comes with the pack.
             */
            sample: boolean;
            /** Created */
            created: string;
            /** Updated */
            updated: string;
        };
        /**
         * ChoiceOut
         * @description One way of doing something.
         */
        ChoiceOut: {
            /** Name */
            name: string;
            /** Ready */
            ready: boolean;
            /** Reason */
            reason: string;
            /** @description The reason, with its code. */
            said: components["schemas"]["SaidOut"];
        };
        /**
         * ControlNetIn
         * @description Takes edges, depth or pose from a picture.
         */
        ControlNetIn: {
            /**
             * Guide
             * @description The id that POST /guides has given.
             */
            guide: string;
            /**
             * Kind
             * @default canny
             * @enum {string}
             */
            kind: "canny" | "depth" | "pose";
            /**
             * Strength
             * @default 0.6
             */
            strength: number;
            /**
             * Start
             * @default 0
             */
            start: number;
            /**
             * End
             * @default 0.8
             */
            end: number;
        };
        /**
         * EmptiedOut
         * @description How many entries are gone.
         */
        EmptiedOut: {
            /** Emptied */
            emptied: number;
        };
        /**
         * EmptyBody
         * @description What is to go for good.
         */
        EmptyBody: {
            /**
             * Trash
             * @description Numbers of entries; null: everything.
             */
            trash: string[] | null;
        };
        /**
         * EntryList
         * @description The trash, the latest first.
         */
        EntryList: {
            /** Entries */
            entries: components["schemas"]["EntryOut"][];
            /**
             * Next
             * @description Cursor of the next page; empty on the last.
             * @default
             */
            next: string;
        };
        /**
         * EntryOut
         * @description Something that was deleted.
         */
        EntryOut: {
            /** Id */
            id: string;
            /**
             * Kind
             * @description character, photos, lora, job or picture.
             */
            kind: string;
            /** Label */
            label: string;
            /** Deleted */
            deleted: string;
            /** Character */
            character: string;
            /** Photos */
            photos: string[];
        };
        /**
         * ErrorBody
         * @description The one body of every error.
         */
        ErrorBody: {
            error: components["schemas"]["ErrorInfo"];
        };
        /**
         * ErrorInfo
         * @description One error.
         */
        ErrorInfo: {
            /**
             * Code
             * @description Stands in ERROR_LIST.md.
             */
            code: string;
            /** Message */
            message: string;
            /**
             * Hint
             * @description What to do next.
             */
            hint: string;
            /** @default null */
            said: components["schemas"]["ErrorSaid"] | null;
            /**
             * Correlation Id
             * @description Finds the log lines of this request.
             */
            correlation_id: string;
            /**
             * Details
             * @default null
             */
            details: {
                [key: string]: unknown;
            } | null;
        };
        /**
         * ErrorSaid
         * @description Of an error, what says more than its code does.
         */
        ErrorSaid: {
            /** @default null */
            message: components["schemas"]["SaidOut"] | null;
            /** @default null */
            hint: components["schemas"]["SaidOut"] | null;
        };
        /**
         * EventsQuery
         * @description Where to go on.
         */
        EventsQuery: {
            /**
             * After
             * @description An event's id, for clients that can't send headers.
             * @default
             */
            after: string;
        };
        /**
         * ExportQuery
         * @description What goes in.
         */
        ExportQuery: {
            /**
             * Originals
             * @description The photos as they were; they may say where they were taken.
             * @default true
             */
            originals: boolean;
            /**
             * Loras
             * @default true
             */
            loras: boolean;
        };
        /**
         * FaceDetailerIn
         * @description Finds faces and paints them again, larger.
         */
        FaceDetailerIn: {
            /**
             * Denoise
             * @default 0.4
             */
            denoise: number;
        };
        /**
         * FailedPhoto
         * @description A photo that could not be described.
         */
        FailedPhoto: {
            /**
             * Code
             * @description Stands in ERROR_LIST.md.
             */
            code: string;
            /** Message */
            message: string;
            /**
             * Hint
             * @description What to do next.
             */
            hint: string;
            /** @default null */
            said: components["schemas"]["ErrorSaid"] | null;
            /** Character */
            character: string;
            /** File */
            file: string;
        };
        /**
         * Failure
         * @description What made a job fail.
         */
        Failure: {
            /**
             * Code
             * @description Stands in ERROR_LIST.md.
             */
            code: string;
            /** Message */
            message: string;
            /**
             * Hint
             * @description What to do next.
             */
            hint: string;
            /** @default null */
            said: components["schemas"]["ErrorSaid"] | null;
            /**
             * Details
             * @default null
             */
            details: {
                [key: string]: unknown;
            } | null;
        };
        /**
         * GalleryQuery
         * @description Everything that is given must hold.
         */
        GalleryQuery: {
            /**
             * Character
             * @description Id.
             * @default
             */
            character: string;
            /**
             * Lora
             * @description Id.
             * @default
             */
            lora: string;
            /**
             * Q
             * @description Words that all stand in the prompt.
             * @default
             */
            q: string;
            /**
             * Cursor
             * @description Where the last page ended: its `next`.
             * @default
             */
            cursor: string;
            /**
             * Limit
             * @description The most entries of a page.
             * @default 60
             */
            limit: number;
        };
        /**
         * GenerationList
         * @description Generations, the oldest first.
         */
        GenerationList: {
            /** Generations */
            generations: components["schemas"]["GenerationOut"][];
        };
        /**
         * GenerationOut
         * @description A request for pictures, on its way or over.
         */
        GenerationOut: {
            /** Id */
            id: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "done" | "cancelled" | "failed";
            /**
             * Reason
             * @description Why it waits, if it is not only the order.
             */
            reason: string;
            /** @description The reason, with its code. */
            said: components["schemas"]["SaidOut"];
            /** Created */
            created: string;
            /**
             * Settings
             * @description Of the first picture; the n-th has this seed plus n.
             */
            settings: {
                [key: string]: unknown;
            };
            /** Count */
            count: number;
            /**
             * Pictures
             * @description Those that are done, as ids of the gallery.
             */
            pictures: string[];
            progress: components["schemas"]["ProgressOut"] | null;
            /**
             * Error
             * @description Code, message and hint of what made it fail.
             */
            error: {
                [key: string]: unknown;
            } | null;
            /**
             * Correlation Id
             * @description Of who asked; it stands in the generator's log lines.
             */
            correlation_id: string;
        };
        /**
         * GeneratorList
         * @description All generators, also those that are planned; the best for the family first.
         */
        GeneratorList: {
            /** Generators */
            generators: components["schemas"]["GeneratorOut"][];
        };
        /**
         * GeneratorOut
         * @description A generator and what it can do with a family.
         */
        GeneratorOut: {
            /** Name */
            name: string;
            /** Family */
            family: string;
            /** Ready */
            ready: boolean;
            /** Reason */
            reason: string;
            /** @description The reason, with its code. */
            said: components["schemas"]["SaidOut"];
            /** Toggles */
            toggles: components["schemas"]["AbilityOut"][];
            /**
             * Bases
             * @description The best first; empty: there is nothing to choose.
             */
            bases: components["schemas"]["BaseOut"][];
        };
        /**
         * GeneratorsQuery
         * @description For which base model.
         */
        GeneratorsQuery: {
            /**
             * Family
             * @description Default: that of this host's mode.
             * @default null
             */
            family: ("mini" | "flux1-dev") | null;
        };
        /**
         * GetOut
         * @description Something to be got: a file, or another ComfyUI pack.
         */
        GetOut: {
            /** What */
            what: string;
            /**
             * Source
             * @description Its address.
             */
            source: string;
            /**
             * Folder
             * @description Where it belongs, counted from ComfyUI's folder.
             */
            folder: string;
        };
        /**
         * GpuOut
         * @description A GPU. null: it does not tell.
         */
        GpuOut: {
            /** Name */
            name: string;
            /** Memory Total */
            memory_total: number;
            /** Memory Free */
            memory_free: number;
            /** Load */
            load: number | null;
            /** Temperature */
            temperature: number | null;
            /** Power */
            power: number | null;
            /** Driver */
            driver: string;
        };
        /**
         * GraphOut
         * @description A graph, for `app.loadApiJson(prompt, name)`.
         */
        GraphOut: {
            /** Name */
            name: string;
            /**
             * Prompt
             * @description In the format that ComfyUI's POST /prompt takes.
             */
            prompt: {
                [key: string]: unknown;
            };
        };
        /**
         * GuideOut
         * @description A picture that can be named in POST /generate.
         */
        GuideOut: {
            /**
             * Id
             * @description Kept for a month.
             */
            id: string;
        };
        /**
         * Health
         * @description The server answers.
         */
        Health: {
            /**
             * Status
             * @constant
             */
            status: "ok";
            /**
             * Host
             * @enum {string}
             */
            host: "standalone" | "comfyui";
        };
        /**
         * ImagePromptIn
         * @description Makes pictures like another one.
         */
        ImagePromptIn: {
            /**
             * Guide
             * @description The id that POST /guides has given.
             */
            guide: string;
            /**
             * Method
             * @description null: the one that is there.
             * @default null
             */
            method: ("redux" | "ip-adapter") | null;
            /**
             * Strength
             * @default 0.7
             */
            strength: number;
        };
        /**
         * ImportedOut
         * @description A character that came in.
         */
        ImportedOut: {
            character: components["schemas"]["CharacterOut"];
            /** Photos */
            photos: number;
            /** Loras */
            loras: number;
            /** Warnings */
            warnings: components["schemas"]["SaidOut"][];
        };
        /**
         * JobChanges
         * @description Settings of a job that waits or has stopped.
         */
        JobChanges: {
            /**
             * Settings
             * @description Any settings of the job; GET /presets lists them.
             */
            settings: {
                [key: string]: components["schemas"]["JsonValue"];
            };
        };
        /**
         * JobList
         * @description Jobs, and the cursor of the next page; empty on the last.
         */
        JobList: {
            /** Jobs */
            jobs: components["schemas"]["JobOut"][];
            /** Broken */
            broken: components["schemas"]["BrokenJob"][];
            /** Running */
            running: string;
            /** Order */
            order: string[];
            /**
             * Next
             * @default
             */
            next: string;
        };
        /**
         * JobOut
         * @description A job.
         */
        JobOut: {
            /** Id */
            id: string;
            /**
             * Name
             * @description The character's name when the job was made.
             */
            name: string;
            /**
             * Character
             * @description Id of the character; empty for a job from elsewhere.
             */
            character: string;
            /** Trigger Word */
            trigger_word: string;
            /** Family */
            family: string;
            /** Preset */
            preset: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "preparing" | "training" | "done" | "failed" | "paused" | "cancelled" | "interrupted";
            /** Step */
            step: number;
            /** Steps */
            steps: number;
            /** Reason */
            reason: string;
            /** @description The reason, with its code. */
            said: components["schemas"]["SaidOut"] | null;
            error: components["schemas"]["Failure"] | null;
            /** Photos */
            photos: number;
            /**
             * Attempt
             * @description How often a process has begun on it.
             */
            attempt: number;
            /** Created */
            created: string;
            /** Updated */
            updated: string;
            /** Correlation Id */
            correlation_id: string;
            /**
             * Position
             * @description Place in the queue from 0; null if it does not wait.
             */
            position: number | null;
            /** Can Resume */
            can_resume: boolean;
            /**
             * Lora
             * @description Id of the LoRA that came of it.
             */
            lora: string;
            /** Warnings */
            warnings: components["schemas"]["SaidOut"][];
            /** Settings */
            settings: {
                [key: string]: unknown;
            };
        };
        /**
         * JobsQuery
         * @description Which jobs. Everything that is given must hold.
         */
        JobsQuery: {
            /**
             * State
             * @default []
             */
            state: ("queued" | "preparing" | "training" | "done" | "failed" | "paused" | "cancelled" | "interrupted")[];
            /**
             * Character
             * @default
             */
            character: string;
            /**
             * Q
             * @description Text in the job's name or id.
             * @default
             */
            q: string;
            /**
             * Cursor
             * @description Where the last page ended: its `next`.
             * @default
             */
            cursor: string;
            /**
             * Limit
             * @description The most entries of a page.
             * @default 50
             */
            limit: number;
        };
        JsonValue: unknown;
        /**
         * Keep
         * @description Which checkpoint.
         */
        Keep: {
            /** Step */
            step: number;
        };
        /**
         * KeptLora
         * @description A LoRA that a checkpoint became; GET /loras tells more.
         */
        KeptLora: {
            /** Id */
            id: string;
            /** Character */
            character: string;
            /** Step */
            step: number;
            /** File */
            file: string;
        };
        /**
         * Key
         * @description One photo.
         */
        Key: {
            /**
             * Character
             * @description A character's id.
             */
            character: string;
            /**
             * File
             * @description A photo's name within its character.
             */
            file: string;
        };
        /**
         * KeysBody
         * @description Photos.
         */
        KeysBody: {
            /** Photos */
            photos: components["schemas"]["Key"][];
        };
        /**
         * KeysOut
         * @description Photos that changed.
         */
        KeysOut: {
            /** Photos */
            photos: components["schemas"]["Key"][];
        };
        /**
         * LikenessOut
         * @description What was measured until now.
         */
        LikenessOut: {
            /**
             * Method
             * @enum {string}
             */
            method: "drawn" | "sface";
            /**
             * Missing
             * @description Why nothing can be measured here, and what to do; empty where it can.
             */
            missing: string;
            /** @description The same, with its code. */
            said: components["schemas"]["SaidOut"];
            /**
             * Measuring
             * @description Samples are being looked at; the event `likeness` tells when it is done.
             */
            measuring: boolean;
            /**
             * Photos
             * @description Training photos with a face.
             */
            photos: number;
            /**
             * Among Photos
             * @description How like each other the photos are: what can be reached.
             */
            among_photos: number | null;
            /** Steps */
            steps: components["schemas"]["StepOut"][];
            /**
             * Recommended
             * @description The kept step after which nothing is gained. null: can't be told.
             */
            recommended: number | null;
        };
        /**
         * ListQuery
         * @description Which photos. Everything that is given must hold.
         */
        ListQuery: {
            /**
             * Finding
             * @description Codes; any of them. Also `any` and `none`.
             * @default []
             */
            finding: string[];
            /**
             * Captions
             * @default any
             * @enum {string}
             */
            captions: "any" | "empty" | "present" | "without_trigger";
            /**
             * Q
             * @description Words in caption, title or name.
             * @default
             */
            q: string;
            /**
             * Rejected
             * @default null
             */
            rejected: boolean | null;
            /**
             * State
             * @default []
             */
            state: ("ok" | "new" | "changed" | "unmeasured" | "damaged")[];
            /**
             * Added From
             * @default
             */
            added_from: string;
            /**
             * Added To
             * @default
             */
            added_to: string;
            /**
             * Least Side
             * @default 0
             */
            least_side: number;
            /**
             * Most Side
             * @default 0
             */
            most_side: number;
            /**
             * Sort
             * @default added
             * @enum {string}
             */
            sort: "added" | "taken" | "name" | "title" | "size" | "bytes" | "findings" | "caption";
            /**
             * Descending
             * @default false
             */
            descending: boolean;
            /**
             * Cursor
             * @default
             */
            cursor: string;
            /**
             * Limit
             * @description The most entries of a page.
             * @default 100
             */
            limit: number;
        };
        /**
         * LogLine
         * @description One line.
         */
        LogLine: {
            /** Time */
            time: string;
            /** Level */
            level: string;
            /** Message */
            message: string;
            /** Logger */
            logger: string;
            /** Correlation Id */
            correlation_id: string;
            /** Fields */
            fields: {
                [key: string]: unknown;
            };
        };
        /**
         * LogPage
         * @description Lines in the order in which they were written.
         */
        LogPage: {
            /** Lines */
            lines: components["schemas"]["LogLine"][];
            /**
             * Next
             * @description Go on from here, also for what is still to be written.
             */
            next: string;
            /** More */
            more: boolean;
        };
        /**
         * LogsQuery
         * @description Which lines. Everything that is given must hold.
         */
        LogsQuery: {
            /**
             * Level
             * @description This one and worse.
             * @default debug
             * @enum {string}
             */
            level: "debug" | "info" | "warning" | "error";
            /**
             * Q
             * @description Text in the line.
             * @default
             */
            q: string;
            /**
             * Since
             * @description ISO time; without a zone it is UTC.
             * @default
             */
            since: string;
            /**
             * Until
             * @description ISO time; without a zone it is UTC.
             * @default
             */
            until: string;
            /**
             * Tail
             * @description The last so many that fit.
             * @default null
             */
            tail: number | null;
            /**
             * Cursor
             * @default
             */
            cursor: string;
            /**
             * Limit
             * @default 200
             */
            limit: number;
        };
        /**
         * LoraList
         * @description LoRAs, the latest first.
         */
        LoraList: {
            /** Loras */
            loras: components["schemas"]["LoraOut"][];
            /**
             * Next
             * @description Cursor of the next page; empty on the last.
             * @default
             */
            next: string;
        };
        /**
         * LoraOut
         * @description A version of a character's LoRA.
         */
        LoraOut: {
            /** Id */
            id: string;
            /**
             * Character
             * @description Id.
             */
            character: string;
            /** Name */
            name: string;
            /**
             * Family
             * @description The base model's family; it works with no other.
             */
            family: string;
            /** Trigger Word */
            trigger_word: string;
            /**
             * Job
             * @description Id of the training; empty if it came from elsewhere.
             */
            job: string;
            /** Step */
            step: number;
            /** Bytes */
            bytes: number;
            /** Created */
            created: string;
            /**
             * Scores
             * @description What was measured of it, e.g. `likeness`: how like the person the samples of its step were, where 1 is the same and about 0 a stranger. null: nothing was measured.
             */
            scores: {
                [key: string]: number;
            } | null;
            /**
             * Present
             * @description Whether its weights are where they belong.
             */
            present: boolean;
            /** Usable */
            usable: components["schemas"]["UsableOut"][];
        };
        /**
         * LorasQuery
         * @description Which.
         */
        LorasQuery: {
            /**
             * Cursor
             * @description Where the last page ended: its `next`.
             * @default
             */
            cursor: string;
            /**
             * Limit
             * @description The most entries of a page; left out: all.
             * @default null
             */
            limit: number | null;
            /**
             * Character
             * @description Id; empty: all.
             * @default
             */
            character: string;
        };
        /**
         * LossOut
         * @description A chart's data, column by column; the last value of each step, thinned out to the points that shape the line.
         */
        LossOut: {
            /** Steps */
            steps: number[];
            /** Loss */
            loss: number[];
            /** Smoothed */
            smoothed: number[];
            /** Learning Rate */
            learning_rate: number[];
            /**
             * Seen
             * @description Steps that have a loss, before thinning.
             */
            seen: number;
            /**
             * Last Event
             * @description Go on live from here: as Last-Event-ID of the stream, or as `after`.
             */
            last_event: number;
        };
        /**
         * LossQuery
         * @description How much of the losses.
         */
        LossQuery: {
            /**
             * Points
             * @default 500
             */
            points: number;
            /**
             * After
             * @description Only what came after this event.
             * @default 0
             */
            after: number;
        };
        /**
         * MeasurerOut
         * @description A small model that lets the report say more.
         */
        MeasurerOut: {
            /** File */
            file: string;
            /** Present */
            present: boolean;
            /** Purpose */
            purpose: string;
            /** Megabytes */
            megabytes: number;
            /** License */
            license: string;
            /** Get */
            get: string;
            /** Put */
            put: string;
        };
        /**
         * MoveBody
         * @description Photos, and where to.
         */
        MoveBody: {
            /** Photos */
            photos: components["schemas"]["Key"][];
            /**
             * Character
             * @description A character's id.
             */
            character: string;
            /**
             * Copy
             * @default false
             */
            copy: boolean;
        };
        /**
         * Moved
         * @description A photo's old and new name.
         */
        Moved: {
            before: components["schemas"]["Key"];
            after: components["schemas"]["Key"];
        };
        /**
         * MovedOut
         * @description What moved.
         */
        MovedOut: {
            /** Moved */
            moved: components["schemas"]["Moved"][];
        };
        /**
         * NewCaptioning
         * @description Photos that are to be described: a character's, or those that are named.
         */
        NewCaptioning: {
            /**
             * Captioner
             * @example plain
             */
            captioner: string;
            /**
             * Character
             * @description All of its photos that aren't put aside.
             * @default null
             */
            character: string | null;
            /**
             * Photos
             * @default null
             */
            photos: components["schemas"]["Key"][] | null;
            /**
             * Overwrite
             * @description Also those that have a caption.
             * @default false
             */
            overwrite: boolean;
            /**
             * Preview
             * @description Only propose: POST /captioning/{run}/write writes them.
             * @default false
             */
            preview: boolean;
        };
        /**
         * NewCharacter
         * @description A character to be made.
         */
        NewCharacter: {
            /**
             * Name
             * @example Ada
             */
            name: string;
            /**
             * Trigger Word
             * @description Empty: one is proposed.
             * @default
             * @example ohwx
             */
            trigger_word: string;
            /**
             * Class Word
             * @description person, woman, man, child, dog, …
             * @default person
             */
            class_word: string;
            /**
             * Notes
             * @default
             */
            notes: string;
        };
        /**
         * NewGeneration
         * @description Pictures to be made: of a character with one of its LoRAs, or with the base model alone.
         */
        NewGeneration: {
            /**
             * Prompt
             * @description {trigger} stands for the trigger word; where the word is missing it is put in front.
             * @default
             */
            prompt: string;
            /**
             * Character
             * @description Id; empty: nobody, or the LoRA's.
             * @default
             */
            character: string;
            /**
             * Lora
             * @description Id; empty: the character's latest.
             * @default
             */
            lora: string;
            /**
             * Strength
             * @description Of the LoRA; null: the character's.
             * @default null
             */
            strength: number | null;
            /**
             * Also
             * @description Further characters.
             * @default []
             */
            also: components["schemas"]["AlsoIn"][];
            /**
             * Family
             * @description Base model; null: the LoRA's.
             * @default null
             */
            family: ("mini" | "flux1-dev") | null;
            /**
             * Base File
             * @description One of the generator's `bases`; empty: the one that suits best.
             * @default
             */
            base_file: string;
            /**
             * Generator
             * @description null: the best that is ready for the base model.
             * @default null
             */
            generator: ("diffusers" | "comfyui" | "video") | null;
            /**
             * Aspect
             * @default 1:1
             * @enum {string}
             */
            aspect: "1:1" | "4:3" | "3:4" | "3:2" | "2:3" | "16:9" | "9:16";
            /**
             * Width
             * @description Pixels; 0: the aspect's.
             * @default 0
             */
            width: number;
            /**
             * Height
             * @description Pixels; 0: the aspect's.
             * @default 0
             */
            height: number;
            /**
             * Count
             * @default 1
             */
            count: number;
            /**
             * Seed
             * @description Picture i has seed + i; null: drawn, and told.
             * @default null
             */
            seed: number | null;
            /**
             * Steps
             * @description null: what suits the base model.
             * @default null
             */
            steps: number | null;
            /**
             * Guidance
             * @description null: what suits the base model.
             * @default null
             */
            guidance: number | null;
            /**
             * Beside Training
             * @description Don't wait for a training to end.
             * @default false
             */
            beside_training: boolean;
            /** @default null */
            controlnet: components["schemas"]["ControlNetIn"] | null;
            /** @default null */
            image_prompt: components["schemas"]["ImagePromptIn"] | null;
            /** @default null */
            face_detailer: components["schemas"]["FaceDetailerIn"] | null;
            /** @default null */
            upscale: components["schemas"]["UpscaleIn"] | null;
        };
        /**
         * NewTraining
         * @description A training to be started.
         */
        NewTraining: {
            /**
             * Character
             * @example ada
             */
            character: string;
            /**
             * Preset
             * @default balanced
             * @enum {string}
             */
            preset: "quick" | "balanced" | "high-quality";
            /**
             * Family
             * @description The mode's default if left out.
             * @default null
             */
            family: ("mini" | "flux1-dev") | null;
            /**
             * Settings
             * @description Any settings of the job; GET /presets lists them.
             */
            settings?: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * Base
             * @description File names of the base model's parts, out of those that GET /system lists.
             */
            base?: {
                [key: string]: string;
            };
            /**
             * Again
             * @description Train anew even if the very same training is there already.
             * @default false
             */
            again: boolean;
        };
        /**
         * Order
         * @description Which jobs come next.
         */
        Order: {
            /** Order */
            order: string[];
        };
        /**
         * OrderOut
         * @description The waiting jobs, the next one first.
         */
        OrderOut: {
            /** Running */
            running: string;
            /** Order */
            order: string[];
        };
        /**
         * PackList
         * @description All packs that our graphs can use.
         */
        PackList: {
            /**
             * Comfyui
             * @description Address of the ComfyUI that was asked; empty: the one around us, or none.
             */
            comfyui: string;
            /**
             * Reason
             * @description Why nobody knows which are there; empty if it is known.
             */
            reason: string;
            /** @description The reason, with its code. */
            said: components["schemas"]["SaidOut"];
            /** Packs */
            packs: components["schemas"]["PackOut"][];
        };
        /**
         * PackOut
         * @description Another ComfyUI pack, which some feature needs.
         */
        PackOut: {
            /** Id */
            id: string;
            /** Name */
            name: string;
            /**
             * Present
             * @description null: nobody knows; the list says why.
             */
            present: boolean | null;
            /** Enables */
            enables: string;
            /**
             * Get
             * @description Its address.
             */
            get: string;
            /**
             * Needs
             * @description Name of another pack that it is of no use without; empty: none.
             */
            needs: string;
        };
        /**
         * PageQuery
         * @description Of a list that is given whole unless somebody wants pages.
         */
        PageQuery: {
            /**
             * Cursor
             * @description Where the last page ended: its `next`.
             * @default
             */
            cursor: string;
            /**
             * Limit
             * @description The most entries of a page; left out: all.
             * @default null
             */
            limit: number | null;
        };
        /**
         * PartOut
         * @description One part of a base model.
         */
        PartOut: {
            /**
             * Part
             * @enum {string}
             */
            part: "transformer" | "vae" | "clip" | "t5";
            /** Title */
            title: string;
            /**
             * File
             * @description The file that is used; empty: none was found.
             */
            file: string;
            /**
             * Found
             * @description What the file is.
             */
            found: string;
            /**
             * Files
             * @description All files that can be chosen.
             */
            files: string[];
            /** Usable */
            usable: boolean;
            /** Problem */
            problem: string;
            /** @description The problem, with its code. */
            error: components["schemas"]["Problem"] | null;
            /**
             * Get
             * @description Where it is to be had.
             */
            get: string;
            /**
             * Put
             * @description Where it is to be put, counted from ComfyUI's folder.
             */
            put: string;
            /** Names */
            names: string[];
            /** Gigabytes */
            gigabytes: number;
            /** License */
            license: string;
        };
        /**
         * PhotoChanges
         * @description What is to be changed; the rest stays.
         */
        PhotoChanges: {
            /**
             * Caption
             * @default null
             */
            caption: string | null;
            /**
             * Rejected
             * @default null
             */
            rejected: boolean | null;
            /**
             * Rotation
             * @default null
             */
            rotation: (0 | 90 | 180 | 270) | null;
            /**
             * Crop
             * @description Left, top, width, height as shares of the turned picture; null: the whole; `face`. Left out, the part stays that is shown, also when it is turned.
             * @default null
             */
            crop: number[] | "face" | null;
            /**
             * Keep
             * @description Codes of findings that do not matter here.
             * @default null
             */
            keep: string[] | null;
            /**
             * Undo
             * @description Take back the last crop or turn.
             * @default false
             */
            undo: boolean;
        };
        /**
         * PhotoList
         * @description Photos, and how many there are in all.
         */
        PhotoList: {
            /** Photos */
            photos: components["schemas"]["PhotoOut"][];
            /** Next */
            next: string;
            /** Total */
            total: number;
            /** Totals */
            totals: {
                [key: string]: unknown;
            };
        };
        /**
         * PhotoOut
         * @description A photo in a list.
         */
        PhotoOut: {
            /** Character */
            character: string;
            /** File */
            file: string;
            /**
             * Title
             * @description The name it came with.
             */
            title: string;
            /** Rejected */
            rejected: boolean;
            /**
             * State
             * @enum {string}
             */
            state: "ok" | "new" | "changed" | "unmeasured" | "damaged";
            /** Caption */
            caption: string;
            /** Has Trigger */
            has_trigger: boolean;
            /** Width */
            width: number;
            /** Height */
            height: number;
            /** Bytes */
            bytes: number;
            /** Added */
            added: string;
            /** Taken */
            taken: string;
            /** Findings */
            findings: {
                [key: string]: unknown;
            }[];
            /** Rotation */
            rotation: number;
            /**
             * Crop
             * @description Left, top, width, height as shares of the turned picture.
             */
            crop: number[] | null;
            /** Can Undo */
            can_undo: boolean;
            /**
             * Kept
             * @description Codes of findings that a person overruled.
             */
            kept: string[];
            /** Note */
            note: string;
            /** @description The note, with its code. */
            said_note: components["schemas"]["SaidOut"];
            /** Version */
            version: string;
            /** Url */
            url: string;
            /** Thumb */
            thumb: string;
        };
        /**
         * PictureOut
         * @description A picture and what it was made with.
         */
        PictureOut: {
            /** Id */
            id: string;
            /** Created */
            created: string;
            /**
             * Prompt
             * @description As it was written.
             */
            prompt: string;
            /**
             * Characters
             * @description Ids.
             */
            characters: string[];
            /** Width */
            width: number;
            /** Height */
            height: number;
            /**
             * Settings
             * @description All that decided it; files by name. Empty if nobody knows.
             */
            settings: {
                [key: string]: unknown;
            };
            /**
             * Problem
             * @description What is wrong with its files; empty if nothing is.
             */
            problem: string;
        };
        /**
         * PicturePage
         * @description Pictures, the newest first.
         */
        PicturePage: {
            /** Pictures */
            pictures: components["schemas"]["PictureOut"][];
            /**
             * Next
             * @description Cursor of the next page; empty on the last.
             */
            next: string;
            /**
             * Total
             * @description How many the filters let through.
             */
            total: number;
            /**
             * Damaged
             * @description How many in the gallery have a `problem`.
             */
            damaged: number;
        };
        /**
         * PlanOut
         * @description What a training would take. null: not known.
         */
        PlanOut: {
            /** Character */
            character: string;
            /** Photos */
            photos: number;
            /** Steps */
            steps: number;
            /** Seconds */
            seconds: number | null;
            /** Seconds Per Step */
            seconds_per_step: number | null;
            /**
             * Pace
             * @description Where the time comes from: such a training ran here, one of another size did, none did.
             */
            pace: ("measured" | "scaled" | "guess") | null;
            /**
             * Memory Needed
             * @description Bytes, estimated; on the GPU if there is one.
             */
            memory_needed: number | null;
            /** Memory Free */
            memory_free: number;
            /** On Gpu */
            on_gpu: boolean;
            /** Disk Needed */
            disk_needed: number;
            /** Disk Free */
            disk_free: number;
            /** Warnings */
            warnings: components["schemas"]["SaidOut"][];
            /**
             * Obstacles
             * @description Must be mended before the training can start.
             */
            obstacles: components["schemas"]["Repair"][];
            /**
             * Cautions
             * @description Speak against it and do not forbid it.
             */
            cautions: components["schemas"]["Repair"][];
            /**
             * Settings
             * @description The complete settings.
             */
            settings: {
                [key: string]: unknown;
            } | null;
        };
        /**
         * PresetList
         * @description The presets of a family, and all settings.
         */
        PresetList: {
            /** Family */
            family: string;
            /** Families */
            families: string[];
            /** Presets */
            presets: components["schemas"]["PresetOut"][];
            /** Settings */
            settings: components["schemas"]["SettingOut"][];
        };
        /**
         * PresetOut
         * @description One preset.
         */
        PresetOut: {
            /** Name */
            name: string;
            /** Title */
            title: string;
            /** Summary */
            summary: string;
            /** Steps For 20 Photos */
            steps_for_20_photos: number;
            /**
             * Settings
             * @description What it sets apart from the defaults.
             */
            settings: {
                [key: string]: unknown;
            };
        };
        /**
         * PresetsQuery
         * @description Which base model.
         */
        PresetsQuery: {
            /**
             * Family
             * @description The mode's default if it is left out.
             * @default null
             */
            family: ("mini" | "flux1-dev") | null;
        };
        /**
         * Problem
         * @description An error inside an answer.
         */
        Problem: {
            /**
             * Code
             * @description Stands in ERROR_LIST.md.
             */
            code: string;
            /** Message */
            message: string;
            /**
             * Hint
             * @description What to do next.
             */
            hint: string;
            /** @default null */
            said: components["schemas"]["ErrorSaid"] | null;
        };
        /**
         * ProgressOut
         * @description Where a generation stands.
         */
        ProgressOut: {
            /**
             * Picture
             * @description Which one is being made, from 0.
             */
            picture: number;
            /** Count */
            count: number;
            /** Step */
            step: number;
            /** Steps */
            steps: number;
        };
        /**
         * RejectBody
         * @description Photos to be put aside, or taken back.
         */
        RejectBody: {
            /** Photos */
            photos: components["schemas"]["Key"][];
            /**
             * Rejected
             * @default true
             */
            rejected: boolean;
        };
        /**
         * Repair
         * @description Something that stands in the way, or speaks against it.
         */
        Repair: {
            /**
             * Code
             * @description Stands in ERROR_LIST.md.
             */
            code: string;
            /** Message */
            message: string;
            /**
             * Hint
             * @description What to do next.
             */
            hint: string;
            /** @default null */
            said: components["schemas"]["ErrorSaid"] | null;
        };
        /**
         * ReportOut
         * @description What a person should know before training.
         */
        ReportOut: {
            /**
             * Photos
             * @description The photos together: how many are good, variety, advice, a headline.
             */
            photos: {
                [key: string]: unknown;
            };
            /**
             * Captions
             * @description Findings on captions, each with a repair for POST /images/captions.
             */
            captions: {
                [key: string]: unknown;
            };
            /**
             * Findings
             * @description By photo.
             */
            findings: {
                [key: string]: {
                    [key: string]: unknown;
                }[];
            };
            /**
             * Not Measured
             * @description By photo: what could not be judged, and why.
             */
            not_measured: {
                [key: string]: components["schemas"]["SaidOut"][];
            };
            /**
             * Waiting
             * @description Photos that are not measured yet; they are being looked at.
             */
            waiting: string[];
        };
        /**
         * RestoreBody
         * @description Entries of the trash.
         */
        RestoreBody: {
            /** Trash */
            trash: string[];
        };
        /**
         * Room
         * @description Bytes.
         */
        Room: {
            /** Free */
            free: number;
            /** Total */
            total: number;
        };
        /**
         * SaidOut
         * @description A sentence for people, and the same as a code with values, for a page in another language than English.
         */
        SaidOut: {
            /**
             * Code
             * @description Empty: it can only be shown as it is.
             */
            code: string;
            /** Message */
            message: string;
            /**
             * Values
             * @description What stands in it; sentences among them look like this one.
             */
            values: {
                [key: string]: unknown;
            };
        };
        /**
         * SettingOut
         * @description One setting of a training.
         */
        SettingOut: {
            /** Name */
            name: string;
            /** Type */
            type: string;
            /** Default */
            default: unknown;
            /** Help */
            help: string;
            /** Unit */
            unit: string;
            /** Least */
            least: number | null;
            /** Most */
            most: number | null;
            /** Choices */
            choices: string[];
        };
        /**
         * StepOut
         * @description The samples of one step; 0 is the base model, before any training.
         */
        StepOut: {
            /** Step */
            step: number;
            /**
             * Likeness
             * @description Mean cosine with the photos that are most alike: 1 is the same, about 0 a stranger. null: no face.
             */
            likeness: number | null;
            /**
             * Seen
             * @description Pictures with a face.
             */
            seen: number;
            /** Pictures */
            pictures: number;
            /**
             * Leak
             * @description The same for pictures asked for without the trigger word: high is bad. null: there are none.
             */
            leak: number | null;
        };
        /**
         * SystemOut
         * @description All that a set-up page shows.
         */
        SystemOut: {
            /**
             * Host
             * @enum {string}
             */
            host: "standalone" | "comfyui";
            /**
             * Mode
             * @enum {string}
             */
            mode: "production" | "fast-test";
            /**
             * Default Family
             * @enum {string}
             */
            default_family: "mini" | "flux1-dev";
            /** Comfyui */
            comfyui: boolean;
            /** Comfyui Url */
            comfyui_url: string;
            /** Device */
            device: string;
            /** Gpus */
            gpus: components["schemas"]["GpuOut"][];
            memory: components["schemas"]["Room"];
            disk: components["schemas"]["Room"];
            /**
             * Library
             * @description The library's folder; only its name where the server listens on the network.
             */
            library: string;
            /**
             * Loras
             * @description Where trained LoRAs go; only the name where the server listens on the network.
             */
            loras: string;
            /** Versions */
            versions: {
                [key: string]: string;
            };
            /** Base Models */
            base_models: components["schemas"]["BaseModelOut"][];
            /**
             * Measurers
             * @description What the report measures faces with.
             */
            measurers: components["schemas"]["MeasurerOut"][];
            /**
             * Training
             * @description The job that runs now.
             */
            training: string;
            /**
             * Listeners
             * @description Pages that follow /events.
             */
            listeners: number;
            /**
             * Loop Lag
             * @description Seconds that the event loop was late at worst within the last minute; 0 inside ComfyUI, which is not measured.
             */
            loop_lag: number;
        };
        /**
         * TrainingWish
         * @description What is to be trained.
         */
        TrainingWish: {
            /**
             * Character
             * @example ada
             */
            character: string;
            /**
             * Preset
             * @default balanced
             * @enum {string}
             */
            preset: "quick" | "balanced" | "high-quality";
            /**
             * Family
             * @description The mode's default if left out.
             * @default null
             */
            family: ("mini" | "flux1-dev") | null;
            /**
             * Settings
             * @description Any settings of the job; GET /presets lists them.
             */
            settings?: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * Base
             * @description File names of the base model's parts, out of those that GET /system lists.
             */
            base?: {
                [key: string]: string;
            };
        };
        /**
         * TrashOut
         * @description Something that was deleted and can be restored.
         */
        TrashOut: {
            /**
             * Trash
             * @description Number of its entry in the trash.
             */
            trash: string;
            /** Label */
            label: string;
        };
        /**
         * TrashedOut
         * @description Where deleted photos are, for undo.
         */
        TrashedOut: {
            /** Trash */
            trash: string[];
        };
        /**
         * TriggerOut
         * @description What is to be said of a trigger word.
         */
        TriggerOut: {
            /** Word */
            word: string;
            /**
             * Usable
             * @description Whether a character may have it.
             */
            usable: boolean;
            /**
             * Problems
             * @description The gravest first; none: it is a good one.
             */
            problems: components["schemas"]["TriggerProblem"][];
            /**
             * Proposal
             * @description A good word that nobody has.
             */
            proposal: string;
        };
        /**
         * TriggerProblem
         * @description Something that speaks against a word.
         */
        TriggerProblem: {
            /** Code */
            code: string;
            /**
             * Level
             * @description reject: it is refused; warn: it will work worse.
             * @enum {string}
             */
            level: "reject" | "warn";
            /** Message */
            message: string;
            /** @description The message, with its own code. */
            said: components["schemas"]["SaidOut"];
        };
        /**
         * TriggerQuery
         * @description A word, and for whom.
         */
        TriggerQuery: {
            /**
             * Word
             * @description Empty: only a word is proposed.
             * @default
             */
            word: string;
            /**
             * Character
             * @description Id of who has it, or is to; empty: a new one.
             * @default
             */
            character: string;
            /**
             * Name
             * @description The character's name, which a proposal begins like.
             * @default
             */
            name: string;
            /**
             * Class Word
             * @default
             */
            class_word: string;
        };
        /**
         * UndoBody
         * @description Which change of captions.
         */
        UndoBody: {
            /** Undo */
            undo: string;
        };
        /**
         * UndoneOut
         * @description What was taken back.
         */
        UndoneOut: {
            /** Restored */
            restored: components["schemas"]["Key"][];
            /**
             * Conflicts
             * @description Gone or changed since: left as they are.
             */
            conflicts: components["schemas"]["Key"][];
        };
        /**
         * UploadOut
         * @description What became of an upload.
         */
        UploadOut: {
            /** Added */
            added: components["schemas"]["AddedOut"][];
            /**
             * Count
             * @description How many photos were taken.
             */
            count: number;
        };
        /**
         * UpscaleIn
         * @description Makes the finished picture larger.
         */
        UpscaleIn: {
            /**
             * Factor
             * @default 2
             */
            factor: number;
            /**
             * Method
             * @description null: the one that is there.
             * @default null
             */
            method: ("model" | "tiled") | null;
        };
        /**
         * UsableOut
         * @description Whether a generator can use a LoRA, and if not, why.
         */
        UsableOut: {
            /** Generator */
            generator: string;
            /** Ready */
            ready: boolean;
            /** Reason */
            reason: string;
        };
        /**
         * WriteBody
         * @description Which of the captions.
         */
        WriteBody: {
            /**
             * Photos
             * @description null: all.
             * @default null
             */
            photos: components["schemas"]["Key"][] | null;
        };
        /**
         * FileQuery
         * @description Which of a picture's files.
         */
        isengard__web__api__gallery__FileQuery: {
            /**
             * Size
             * @description full: PNG with its settings; thumb: WebP.
             * @default full
             * @enum {string}
             */
            size: "full" | "thumb";
        };
        /**
         * StreamQuery
         * @description Where to go on.
         */
        isengard__web__api__generate__StreamQuery: {
            /**
             * After
             * @description An event's id, for clients that can't send headers.
             * @default
             */
            after: string;
        };
        /**
         * FileQuery
         * @description Which of a photo's files.
         */
        isengard__web__api__images__FileQuery: {
            /**
             * Size
             * @default full
             * @enum {string}
             */
            size: "full" | "thumb";
            /**
             * V
             * @description The photo's version, for caches.
             * @default
             */
            v: string;
        };
        /**
         * StreamQuery
         * @description Where to go on.
         */
        isengard__web__api__progress__StreamQuery: {
            /**
             * After
             * @description Number of the last event seen.
             * @default 0
             */
            after: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
